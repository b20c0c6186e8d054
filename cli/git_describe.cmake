# Writes OUTPUT with the description of the sources' commit, at each build, and only when it changed.
execute_process(COMMAND git describe --always --dirty --tags WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE description
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(description "unknown")
endif()
set(text "#pragma once\nnamespace mho::job {\ninline constexpr const char* git_describe = \"${description}\";\n}  // namespace mho::job\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} present)
endif()
if(NOT "${present}" STREQUAL "${text}")
  file(WRITE ${OUTPUT} "${text}")
endif()
