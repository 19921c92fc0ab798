# Third-party libraries, detected and never pinned: Debian 12 and 13 and Ubuntu 24.04 name some of them
# differently. A library without a CMake package on one of them is found with pkg-config or by its header.

find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(TBB CONFIG REQUIRED)
find_package(simdjson CONFIG REQUIRED)
find_package(pegtl CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
# Unicode case mapping.
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
# gzip and zstd, of files read and written.
find_package(ZLIB REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka>=2.0)

if(PIPEC_TESTS)
  find_package(Catch2 CONFIG REQUIRED)
  # The reference for our own MsgPack. Its package has a different name on every system, requires Boost, and may be that of
  # the C library; it is header-only.
  find_path(MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
  add_library(msgpack_cxx INTERFACE)
  target_include_directories(msgpack_cxx SYSTEM INTERFACE ${MSGPACK_INCLUDE_DIR})
  target_compile_definitions(msgpack_cxx INTERFACE MSGPACK_NO_BOOST)
endif()
if(PIPEC_BENCH)
  find_package(benchmark CONFIG REQUIRED)
endif()
