// Columns of the mapped network with its activations on training images, as conversions that a circuit can run.
#pragma once
#include <vector>

#include "circuits/conversion_data.hpp"
#include "cli/job/job.hpp"

namespace mho::job {

// `count` columns of die 0, matrices in turn, each with the activations of one position of one training image and the operating point of its matrix. Drawn
// from the config's seed with Purpose::validation_plan.
std::vector<circuits::ColumnInput> network_columns(Job& job, int count);

}  // namespace mho::job
