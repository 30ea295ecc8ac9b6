# Programs that scripts call to hold pingti against other implementations.
add_executable(logits_driver ${CMAKE_CURRENT_LIST_DIR}/logits_driver.c)
target_include_directories(logits_driver PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(logits_driver PRIVATE pingti_static)
