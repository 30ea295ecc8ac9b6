# The loops of src/backend/cpu/vector.h: two tables serve every x86-64 level.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backend/cpu/x86/vector_avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backend/cpu/x86/vector_avx512.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq")
  # Encoders that search (src/quantize/encode): sixteen lanes each.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/quantize/encode/avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mf16c")
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/quantize/encode/avx512.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq")
endif()
