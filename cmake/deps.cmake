# Debian packages that pingti builds on (design: what pingti exists for is its own; the rest is a well-kept library).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
option(PINGTI_PULL "pull models (needs libcurl's header; the library is opened at run time)" ON)
if(PINGTI_PULL)
  pkg_check_modules(CURL libcurl>=7.85) # without it pulling is left out, and `pingti pull` and `pingti doctor` say so
endif()
