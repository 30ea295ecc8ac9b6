# The checks of the house, and that they do find what they look for.
foreach(check check_layers check_size)
  add_test(NAME layers/${check} COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/${check} ${PROJECT_SOURCE_DIR})
  set_tests_properties(layers/${check} PROPERTIES TIMEOUT 60 LABELS layers)
endforeach()
add_test(NAME layers/test_checks COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_checks.py)
set_tests_properties(layers/test_checks PROPERTIES TIMEOUT 120 LABELS layers)
