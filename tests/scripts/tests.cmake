# ./run with a stand-in for pingti and a model site on this machine.
add_test(NAME scripts/test_run COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_run.py)
set_tests_properties(scripts/test_run PROPERTIES TIMEOUT 120 LABELS scripts)
