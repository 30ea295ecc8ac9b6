# Every room is a folder of src/; a file added to a room is built without touching this list.
set(PINGTI_LIBRARY_ROOMS base tensor op backend format text grammar model convert quantize infer)
set(PINGTI_LIBRARY_SOURCES)
foreach(room IN LISTS PINGTI_LIBRARY_ROOMS)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.c)
  list(APPEND PINGTI_LIBRARY_SOURCES ${found})
endforeach()

# Kernels are compiled once per instruction set from one source each; which one runs is decided at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(PINGTI_AVX2 -mavx2 -mfma -mf16c)
  set(PINGTI_AVX512 ${PINGTI_AVX2} -mavx512f -mavx512bw -mavx512vl -mavx512dq)
  set(PINGTI_AVXVNNI ${PINGTI_AVX2} -mavxvnni)
  set(PINGTI_AVX512VNNI ${PINGTI_AVX512} -mavx512vnni)
  set(PINGTI_AVX512BF16 ${PINGTI_AVX512VNNI} -mavx512bf16)
  if(PINGTI_SANITIZE)
    set(PINGTI_TILES PANEL_ROLLED) # unrolled tiles take minutes to instrument
  endif()
  foreach(isa avx2 avxvnni avx512 avx512vnni avx512bf16)
    string(TOUPPER ${isa} upper)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backend/cpu/x86/${isa}.c ${PROJECT_SOURCE_DIR}/src/backend/cpu/x86/probe_${isa}.c
      PROPERTIES COMPILE_OPTIONS "${PINGTI_${upper}}" COMPILE_DEFINITIONS "${PINGTI_TILES}")
  endforeach()
else()
  list(FILTER PINGTI_LIBRARY_SOURCES EXCLUDE REGEX "/cpu/x86/|/encode/avx")
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  set(PINGTI_NEON "") # every aarch64 has it
  set(PINGTI_DOTPROD -march=armv8.2-a+dotprod)
  set(PINGTI_I8MM -march=armv8.2-a+dotprod+i8mm)
  set(PINGTI_BF16MM -march=armv8.2-a+bf16) # measured, not computed with: its products are rounded in another way
  foreach(isa neon dotprod i8mm bf16mm)
    string(TOUPPER ${isa} upper)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backend/cpu/arm/${isa}.c ${PROJECT_SOURCE_DIR}/src/backend/cpu/arm/probe_${isa}.c
      PROPERTIES COMPILE_OPTIONS "${PINGTI_${upper}}"
                                COMPILE_DEFINITIONS "$<$<BOOL:${PINGTI_SANITIZE}>:PANEL_ROLLED>")
  endforeach()
else()
  list(FILTER PINGTI_LIBRARY_SOURCES EXCLUDE REGEX "/cpu/arm/")
endif()

add_library(pingti_objects OBJECT ${PINGTI_LIBRARY_SOURCES})
target_include_directories(pingti_objects PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
set(PINGTI_LINK PkgConfig::JANSSON PkgConfig::PCRE2 PkgConfig::UTF8PROC PkgConfig::SODIUM Threads::Threads m)
target_link_libraries(pingti_objects PUBLIC ${PINGTI_LINK})

add_library(pingti_static STATIC $<TARGET_OBJECTS:pingti_objects>)
set_target_properties(pingti_static PROPERTIES OUTPUT_NAME pingti)
target_include_directories(pingti_static PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(pingti_static PUBLIC ${PINGTI_LINK})

add_library(pingti_shared SHARED $<TARGET_OBJECTS:pingti_objects>)
set_target_properties(pingti_shared PROPERTIES OUTPUT_NAME pingti VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_include_directories(pingti_shared PUBLIC ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(pingti_shared PRIVATE ${PINGTI_LINK})

# Rooms of the program alone: the library pulls in none of them.
file(GLOB PINGTI_NET_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/net/*.c)
set(PINGTI_STORE_SOURCES ${PINGTI_NET_SOURCES}) # what needs no libcurl
list(FILTER PINGTI_STORE_SOURCES EXCLUDE REGEX "/net/(absent|curl|http|fetch|hub|pull)\\.c$")
if(CURL_FOUND)
  list(FILTER PINGTI_NET_SOURCES EXCLUDE REGEX "/net/absent\\.c$")
else()
  set(PINGTI_NET_SOURCES ${PINGTI_STORE_SOURCES} ${PROJECT_SOURCE_DIR}/src/net/absent.c)
endif()
add_library(pingti_net STATIC ${PINGTI_NET_SOURCES})
target_include_directories(pingti_net PRIVATE ${CURL_INCLUDE_DIRS}) # its header alone: net/curl.c opens it
target_link_libraries(pingti_net PUBLIC pingti_static ${CMAKE_DL_LIBS})

file(GLOB PINGTI_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cli/*.c)
if(PINGTI_CLI_SOURCES)
  add_executable(pingti ${PINGTI_CLI_SOURCES})
  target_link_libraries(pingti PRIVATE pingti_net PkgConfig::EDIT)
endif()
