# How every part of pipec is compiled, in one place.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(pipec_flags INTERFACE)
target_compile_features(pipec_flags INTERFACE cxx_std_20)
target_compile_options(pipec_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow $<$<CONFIG:Release>:-O2>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of an overlap inside its own std::string where text is put in front of a string.
  target_compile_options(pipec_flags INTERFACE -Wno-restrict)
endif()
if(PIPEC_WERROR)
  target_compile_options(pipec_flags INTERFACE -Werror)
endif()
if(PIPEC_SANITIZE)
  # TBB's headers downcast after a destructor ran: vptr checks would report those, not ours.
  target_compile_options(pipec_flags INTERFACE -fsanitize=${PIPEC_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(pipec_flags INTERFACE -fsanitize=${PIPEC_SANITIZE})
  if(PIPEC_SANITIZE MATCHES undefined)
    target_compile_options(pipec_flags INTERFACE -fno-sanitize=vptr -fno-sanitize-recover=undefined)
    target_link_options(pipec_flags INTERFACE -fno-sanitize=vptr)
  endif()
endif()
if(PIPEC_COVERAGE)
  target_compile_options(pipec_flags INTERFACE --coverage -O0)
  target_link_options(pipec_flags INTERFACE --coverage)
endif()

# pipec_part(<name> SOURCES ... [PUBLIC libs...] [PRIVATE libs...])
# A static library pipec_<name>, alias pipec::<name>. Public headers are in include/; the others are next to the
# sources, and only this part may include them.
function(pipec_part name)
  cmake_parse_arguments(PART "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(pipec_${name} STATIC ${PART_SOURCES})
  add_library(pipec::${name} ALIAS pipec_${name})
  set_target_properties(pipec_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  # A shared library of an embedding program does not export what it was linked with.
  set_target_properties(pipec_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  set_target_properties(pipec_${name} PROPERTIES UNITY_BUILD ${PIPEC_UNITY} UNITY_BUILD_BATCH_SIZE 6)
  target_include_directories(pipec_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_features(pipec_${name} PUBLIC cxx_std_20)
  target_link_libraries(pipec_${name}
    PUBLIC ${PART_PUBLIC} PRIVATE $<BUILD_INTERFACE:pipec_flags> ${PART_PRIVATE})
endfunction()
