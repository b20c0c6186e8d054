// What a run depends on besides its config: the program, the libraries and the machine.
#pragma once
#include "core/json_file.hpp"

namespace mho::job {

// {"version", "git", "compiler", "flags", "libraries": {name: version}}
Json program_description();
// {"processor", "threads", "memory", "system"}
Json machine_description();

// Largest resident set of this process since reset_peak_memory() [byte]; since its start where the kernel does not allow a reset.
double peak_memory();
void reset_peak_memory();
// Largest resident set of any worker process that has ended [byte].
double peak_memory_of_workers();

}  // namespace mho::job
