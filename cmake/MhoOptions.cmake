# Build options and the compile flags shared by every target of the project.
option(MHO_TESTS "build the tests" ${PROJECT_IS_TOP_LEVEL})
option(MHO_BENCH "build the benchmarks" OFF)
option(MHO_TRAIN "build `mho-train`, which needs libtorch" OFF)
option(MHO_PCH "precompiled headers: a build from nothing takes less, ccache does not work with it" OFF)
option(MHO_WERROR "warnings are errors" OFF)
set(MHO_SANITIZE "" CACHE STRING "sanitizers, for example address,undefined")
set(MHO_ARCH "auto" CACHE STRING "value of -march; auto takes x86-64-v3 where this processor has it")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "build type" FORCE)
endif()

if(MHO_ARCH STREQUAL "auto")
  set(MHO_ARCH_FLAG "")
  if(EXISTS /proc/cpuinfo)
    file(STRINGS /proc/cpuinfo mho_cpu_flags REGEX "^flags" LIMIT_COUNT 1)
    if(mho_cpu_flags MATCHES " avx2 " AND mho_cpu_flags MATCHES " fma " AND mho_cpu_flags MATCHES " bmi2 ")
      set(MHO_ARCH_FLAG "-march=x86-64-v3")
    endif()
  endif()
elseif(MHO_ARCH)
  set(MHO_ARCH_FLAG "-march=${MHO_ARCH}")
endif()

# Eigen's alignment depends on the instruction set, so whoever sees our headers is compiled for the same one.
add_library(mho_arch INTERFACE)
target_compile_options(mho_arch INTERFACE ${MHO_ARCH_FLAG})

add_library(mho_flags INTERFACE)
# No contraction to fused operations by the compiler: the same source gives the same rounding.
target_compile_options(mho_flags INTERFACE -ffp-contract=off
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${MHO_WERROR}>:-Werror>)
if(MHO_PCH)
  # GCC 12 warns of strings in std::vector, wrongly (bug 105651 and others); without precompiled headers it knows that the code is the library's.
  target_compile_options(mho_flags INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(MHO_SANITIZE)
  target_compile_options(mho_flags INTERFACE -fsanitize=${MHO_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(mho_flags INTERFACE -fsanitize=${MHO_SANITIZE})
endif()
