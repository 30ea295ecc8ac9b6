# Each fuzz target runs for ten seconds from its seeds; new inputs stay in the build folder. By hand, longer:
#   build/fuzz/fuzz/fuzz_gguf -max_len=65536 -max_total_time=600 NEW_INPUTS fuzz/corpus/gguf
if(PINGTI_FUZZ)
  file(GLOB PINGTI_FUZZ_TESTED CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/fuzz_*.c)
  foreach(source IN LISTS PINGTI_FUZZ_TESTED)
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" name ${target})
    set(found ${PROJECT_BINARY_DIR}/fuzz/found/${name})
    file(MAKE_DIRECTORY ${found})
    set(seeds)
    if(EXISTS ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
      set(seeds ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    endif()
    add_test(NAME fuzz/${name} COMMAND ${target} -max_total_time=10 -max_len=65536 -rss_limit_mb=2048 -timeout=10
                                       -artifact_prefix=${found}- ${found} ${seeds})
    set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
  endforeach()
endif()
