# The readers of src/format as a program, for tests/clients/formats.py.
add_executable(dump_format ${CMAKE_CURRENT_SOURCE_DIR}/tools/dump_format.c)
target_link_libraries(dump_format PRIVATE pingti_static)
foreach(file small.gguf small.safetensors)
  add_test(NAME tools/dump_${file} COMMAND dump_format ${PROJECT_SOURCE_DIR}/tests/golden/format/${file})
endforeach()
# Programs that scripts call to hold pingti against other implementations.
add_executable(logits_driver ${CMAKE_CURRENT_LIST_DIR}/logits_driver.c)
target_include_directories(logits_driver PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(logits_driver PRIVATE pingti_static)
foreach(driver tokenize_driver template_driver quant_driver)
  add_executable(${driver} ${CMAKE_CURRENT_LIST_DIR}/${driver}.c)
  target_link_libraries(${driver} PRIVATE pingti_static)
endforeach()
