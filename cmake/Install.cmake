# What `cmake --install` puts where, and the package that find_package(pipec) finds there.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(parts dsl runtime graph stdlib compiler)
# Shared between parts, and no business of a program.
set(internal "/(governor|fd|cached_bytes|guarded|kafka_demo|dump|suggest|foreign_words)\\.h$")
foreach(part IN LISTS parts)
  install(TARGETS pipec_${part} EXPORT pipec ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.def" REGEX "${internal}" EXCLUDE)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/include/pipec/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pipec)
# pipec::stdlib is what a program links for pipelines as text: the library, and what compiles and runs with it.
set_target_properties(pipec_stdlib PROPERTIES EXPORT_NAME stdlib_library)
add_library(pipec_stdlib_with_compiler INTERFACE)
set_target_properties(pipec_stdlib_with_compiler PROPERTIES EXPORT_NAME stdlib)
target_link_libraries(pipec_stdlib_with_compiler INTERFACE pipec_compiler pipec_stdlib pipec_graph pipec_runtime)
install(TARGETS pipec_stdlib_with_compiler EXPORT pipec)
if(PIPEC_C)
  install(TARGETS pipec_c EXPORT pipec LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/compiler/c/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
install(TARGETS pipec RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/pipec)
install(EXPORT pipec NAMESPACE pipec:: FILE pipecTargets.cmake DESTINATION ${package})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/pipecConfig.cmake.in
  ${PROJECT_BINARY_DIR}/pipecConfig.cmake INSTALL_DESTINATION ${package})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pipecConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pipecConfig.cmake ${PROJECT_BINARY_DIR}/pipecConfigVersion.cmake
  DESTINATION ${package})
