# The loops of src/backend/cpu/vector.h and attn_fast.h: a table serves several x86-64 levels.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(PINGTI_VECTOR_AVX2 -mavx2 -mfma -mf16c)
  set(PINGTI_VECTOR_AVX512 ${PINGTI_VECTOR_AVX2} -mavx512f -mavx512bw -mavx512vl -mavx512dq)
  set(PINGTI_VECTOR_AVX512BF16 ${PINGTI_VECTOR_AVX512} -mavx512bf16)
  foreach(isa avx2 avx512 avx512bf16)
    string(TOUPPER ${isa} upper)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/backend/cpu/x86/vector_${isa}.c ${PROJECT_SOURCE_DIR}/src/backend/cpu/x86/attn_fast_${isa}.c
      PROPERTIES COMPILE_OPTIONS "${PINGTI_VECTOR_${upper}}")
  endforeach()
  # Encoders that search (src/quantize/encode): sixteen lanes each.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/quantize/encode/avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mf16c")
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/quantize/encode/avx512.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq")
endif()
