# ./run with a model site on this machine.
if(TARGET pingti AND CURL_FOUND)
  add_test(NAME scripts/test_run COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_run.py)
  set_tests_properties(scripts/test_run PROPERTIES TIMEOUT 120 LABELS scripts ENVIRONMENT "PINGTI_BINARY=$<TARGET_FILE:pingti>")
endif()
# What is installed is enough to build on: the header, both libraries, pkg-config. (A sanitized library needs its runtime.)
if(NOT PINGTI_SANITIZE AND NOT PINGTI_COVERAGE)
  add_test(NAME scripts/test_install COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_install.py
           ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER})
  set_tests_properties(scripts/test_install PROPERTIES TIMEOUT 120 LABELS scripts)
endif()
# The tools of docs/benchmarks.md: models of random weights, and pingti against stand-ins for other engines.
if(TARGET pingti)
  foreach(test test_random_model test_compare)
    add_test(NAME scripts/${test} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/${test}.py)
    set_tests_properties(scripts/${test} PROPERTIES TIMEOUT 300 LABELS scripts ENVIRONMENT "PINGTI_BINARY=$<TARGET_FILE:pingti>")
  endforeach()
endif()
