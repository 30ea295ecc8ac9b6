# The plan of the house is checked at every build: who includes whom, and how long files and functions are.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_custom_target(house ALL
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_layers ${PROJECT_SOURCE_DIR}
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_size ${PROJECT_SOURCE_DIR}
  COMMENT "Checking layers and sizes" VERBATIM)
