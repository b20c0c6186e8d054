// A job: one TOML file that says everything about a run from transistors to the energy of a digit. examples/mnist.toml lists every key.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chip/chip_config.hpp"
#include "chip/dataset.hpp"
#include "chip/effects.hpp"
#include "cli/job/rbm_settings.hpp"
#include "core/json_file.hpp"
#include "core/toml_file.hpp"
#include "validation/neuron_calibration.hpp"

namespace mho::job {

// What multiplies: the calibrated neuron, or the closed form without circuit errors, which knows no energy.
enum class CoreKind { calibrated, ideal };

// What `mho run` does: classify images with a network, or recover images with a Boltzmann machine.
enum class Task { classification, rbm };

struct JobConfig {
  Task task = Task::classification;
  std::optional<RbmSettings> rbm;      // for the task rbm
  std::uint64_t seed = 1;
  int threads = 0;                     // [1] 0: all processors
  std::string network;                 // path of an ONNX file
  chip::DataSet data_set = chip::DataSet::mnist;
  std::string data;                    // folder with the data set
  int training_images = 500;           // [1] first ones of the training file: they choose operating points
  validation::CalibrationSettings calibrate;
  chip::ChipConfig chip;
  int passes_beside = 3;               // [1] die 0 is programmed again with so many passes, to be printed beside; 0: not
  CoreKind core = CoreKind::calibrated;
  chip::Effects effects;               // table [effects]
  int dies = 2;                        // [1]
  int images = 1000;                   // [1] first ones of the test file
  bool pictures = true;                // report.html, which needs gnuplot
  int code_images = 50;                // [1] test images of which die 0 shows the ADC codes
  std::vector<TomlFile::Resolved> resolved;   // every key that was read, chip file included
};

// Reads `path` with overrides "key=value". Keys of the chip (chip., mapping., bad_rows., programming., operating_point.) belong to
// `chip_file` if that is given, else they stand in the job's own file. File names are relative to the folder of the file that
// holds them. Throws IoError, ConfigError{file, line, key}.
JobConfig load_job(const std::string& path, const std::vector<std::string>& overrides = {});

std::string resolved_toml(const JobConfig& config);  // as a TOML file
Json resolved_json(const JobConfig& config);         // key → value

}  // namespace mho::job
