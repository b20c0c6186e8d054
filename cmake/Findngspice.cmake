# ngspice as a shared library. Target ngspice::ngspice.
find_path(ngspice_INCLUDE_DIR ngspice/sharedspice.h)
find_library(ngspice_LIBRARY NAMES ngspice libngspice.so.0)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ngspice REQUIRED_VARS ngspice_INCLUDE_DIR ngspice_LIBRARY)
if(ngspice_FOUND AND NOT TARGET ngspice::ngspice)
  add_library(ngspice::ngspice UNKNOWN IMPORTED)
  set_target_properties(ngspice::ngspice PROPERTIES IMPORTED_LOCATION ${ngspice_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ngspice_INCLUDE_DIR})
endif()
