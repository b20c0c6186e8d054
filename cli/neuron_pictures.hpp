// From runs of the neuron to pictures of report/neuron_figures.hpp.
#pragma once
#include "cli/neuron_setup.hpp"
#include "report/neuron_figures.hpp"

namespace mho::cli {

report::Picture picture_of(const circuits::ConversionSetup& setup, const WatchedRun& run);

}  // namespace mho::cli
