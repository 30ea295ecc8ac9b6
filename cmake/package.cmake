# Debian packages: pingti, libpingti0, libpingti-dev.   cpack --config build/release/CPackConfig.cmake
# Configured with -DCMAKE_INSTALL_PREFIX=/usr the libraries go where Debian has those of each architecture.
# Libraries they need are found by dpkg-shlibdeps. DEBFULLNAME and DEBEMAIL name who builds them, as for Debian's own tools.
if(NOT TARGET pages)
  return()
endif()
set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
if("$ENV{DEBEMAIL}" STREQUAL "")
  set(maintainer "pingti authors <pingti@users.noreply.github.com>")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pingti)
set(CPACK_PACKAGE_CONTACT "${maintainer}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program library development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/compress.cmake)
if(CMAKE_CROSSCOMPILING AND CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
endif()

set(library libpingti${PROJECT_VERSION_MAJOR})
set(about "pingti reads a language model as it is published (GGUF, or a Hugging\nFace directory) and computes with it on processors: the same bytes for\nthe same model, prompt and seed, whatever the number of threads.\n.\n")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME pingti)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "libcurl3-gnutls | libcurl3t64-gnutls | libcurl4 | libcurl4t64") # opened by `pingti pull` alone
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "run open language models exactly, on hardware you own\n${about}This package holds the program, manual pages, completion for shells.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/debian/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "run open language models from a program: shared library\n${about}This package holds the library that programs are run with.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libpingti-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libjansson-dev, libpcre2-dev, libutf8proc-dev, libsodium-dev, pkgconf") # to link statically
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "run open language models from a program: development files\n${about}This package holds the header, the static library and an example.")

# What Debian's policy asks of each package.
set(changelog ${PROJECT_BINARY_DIR}/pages/changelog.gz)
add_custom_command(OUTPUT ${changelog} COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/cmake/debian/changelog > ${changelog}
                   DEPENDS ${PROJECT_SOURCE_DIR}/cmake/debian/changelog)
add_custom_target(changelog ALL DEPENDS ${changelog})
foreach(pair program:pingti library:${library} development:libpingti-dev)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/debian/copyright ${PROJECT_SOURCE_DIR}/NOTICE ${changelog}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libpingti-dev COMPONENT development)
include(CPack)
