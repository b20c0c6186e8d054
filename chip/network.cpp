#include "chip/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "chip/onnx_reader.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"

namespace mho::chip {
namespace {

constexpr std::int64_t largest_value = std::int64_t{1} << 26;  // [elements] of one image

std::int64_t element_count(const ValueInfo& v) {
  return std::int64_t{v.channels} * v.height * v.width;
}

const OperatorEntry& find_operator(const OnnxModel& model, const OnnxNode& node) {
  std::vector<std::string_view> known;
  for (const OperatorEntry& entry : operators()) {
    if (entry.type == node.type) return entry;
    known.push_back(entry.type);
  }
  throw ConfigError(model.path, 0, fmt::format("node '{}'", node.name),
                    fmt::format("operator {} is not supported; supported: {}", node.type,
                                fmt::join(known, ", ")));
}

ValueInfo input_info(const OnnxModel& model) {
  if (model.inputs.size() != 1 || model.outputs.size() != 1) {
    throw ConfigError(model.path, 0, "",
                      fmt::format("has {} inputs and {} outputs; expected one of each",
                                  model.inputs.size(), model.outputs.size()));
  }
  const OnnxValue& input = model.inputs[0];
  std::vector<std::int64_t> s = input.shape;
  // [images, frames, channels], or [frames, images, channels] when the first is known and the second is not.
  const bool sequence = s.size() == 3, frames_first = sequence && s[0] > 0 && s[1] < 1;
  if (sequence) s = {s[frames_first ? 1 : 0], s[2], s[frames_first ? 0 : 1], 1};
  const auto bad = [](std::int64_t d) { return d < 1 || d > 4096; };
  if (s.size() != 4 || std::any_of(s.begin() + 1, s.end(), bad) ||
      s[1] * s[2] * s[3] > largest_value) {
    throw ConfigError(model.path, 0, fmt::format("input '{}'", input.name),
                      fmt::format("is of shape [{}]; expected [images, channels, height, width] or "
                                  "[images, frames, channels]",
                                  fmt::join(input.shape, ", ")));
  }
  if (sequence)
    return {.channels = static_cast<int>(s[1]),
            .height = static_cast<int>(s[2]),
            .axes = frames_first ? "HNC" : "NHC"};
  return {.channels = static_cast<int>(s[1]),
          .height = static_cast<int>(s[2]),
          .width = static_cast<int>(s[3]),
          .low = 0.0f,
          .high = 1.0f};
}

}  // namespace

Network Network::load(const std::string& path) { return Network(read_onnx(path)); }

Network::Network(const OnnxModel& original) : path_(original.path), metadata_(original.metadata) {
  OnnxModel model = original;
  for (const Rewrite rewrite : rewrites()) rewrite(model);
  values_.push_back(input_info(model));
  std::map<std::string, size_t> names{{model.inputs[0].name, 0}};
  std::vector<MatrixUse> uses;
  for (const OnnxNode& node : model.nodes) add_step(model, node, names, uses);
  const auto output = names.find(model.outputs[0].name);
  if (output == names.end()) {
    throw ConfigError(path_, 0, fmt::format("output '{}'", model.outputs[0].name),
                      "is not computed by any node");
  }
  output_ = output->second;
  if (values_[output_].is_codes() || values_[output_].positions() != 1) {
    throw ConfigError(path_, 0, fmt::format("output '{}'", model.outputs[0].name),
                      "is not one row of floats, one for each class");
  }
  if (uses.empty()) throw ConfigError(path_, 0, "", "has no Conv, Gemm or MatMul");
  for (MatrixUse& use : uses) {
    matrices_.push_back(std::move(use.spec));
    positions_.push_back(use.positions);
  }
  mark_last_uses();
}

void Network::add_step(const OnnxModel& model, const OnnxNode& node,
                       std::map<std::string, size_t>& names, std::vector<MatrixUse>& uses) {
  const OperatorEntry& entry = find_operator(model, node);
  std::vector<size_t> inputs;
  std::vector<ValueInfo> infos;
  const auto error = [&](const std::string& what) {
    return ConfigError(model.path, 0, fmt::format("node '{}' ({})", node.name, node.type), what);
  };
  for (const std::string& name : node.inputs) {
    if (name.empty() || model.constants.contains(name)) continue;
    const auto found = names.find(name);
    if (found == names.end())
      throw error(fmt::format(
          "reads '{}', which is neither a constant nor the output of an earlier node", name));
    inputs.push_back(found->second);
    infos.push_back(values_[found->second]);
  }
  // A Constant that is still here ends in its builder's error.
  if (inputs.empty() && !node.inputs.empty())
    throw error("none of its inputs is computed from the image");
  NodeReader reader(model, node, infos, uses);
  BuiltOperator built = entry.build(reader);
  if (element_count(built.result) > largest_value)
    throw error(fmt::format("gives {} values for each image", element_count(built.result)));
  if (node.outputs.empty() || node.outputs[0].empty()) throw error("has no output");
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty() && reader_count(model, node.outputs[i]) > 0)
      throw error(fmt::format("its output '{}' is read; only the first is supported", node.outputs[i]));
  }
  values_.push_back(built.result);
  const size_t output = values_.size() - 1;
  if (!names.emplace(node.outputs[0], output).second)
    throw error(fmt::format("writes '{}', which exists already", node.outputs[0]));
  steps_.push_back({.inputs = std::move(inputs),
                    .output = output,
                    .finished = {},
                    .kernel = std::move(built.kernel)});
}

void Network::mark_last_uses() {
  // Storage of a value: that of the value whose data it shares.
  storage_.resize(values_.size());
  for (size_t v = 0; v < storage_.size(); ++v) storage_[v] = v;
  for (const Step& step : steps_) {
    if (!step.kernel) storage_[step.output] = storage_[step.inputs[0]];
  }
  std::vector<size_t> last_step(values_.size(), steps_.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (const size_t v : steps_[s].inputs) last_step[storage_[v]] = s;
  }
  for (size_t v = 0; v < values_.size(); ++v) {
    if (last_step[v] < steps_.size() && v != storage_[output_])
      steps_[last_step[v]].finished.push_back(v);
  }
}

size_t Network::macs_per_image() const {
  size_t macs = 0;
  for (size_t m = 0; m < matrices_.size(); ++m)
    macs += static_cast<size_t>(positions_[m]) * static_cast<size_t>(matrices_[m].weights.size());
  return macs;
}

size_t Network::parameter_count() const {
  size_t count = 0;
  for (const MatrixSpec& m : matrices_)
    count += static_cast<size_t>(m.weights.size() + m.bias.size());
  return count;
}

std::string Network::metadata(std::string_view key, const std::string& fallback) const {
  for (const auto& [k, v] : metadata_) {
    if (k == key) return v;
  }
  return fallback;
}

Eigen::MatrixXf Network::run(const MatrixEngine& engine, const ImageSet& images, size_t first,
                             size_t count, const Observer& observe) const {
  const std::unique_ptr<MatrixEngine> of_images = engine.at_images(first, count);
  const Run run{of_images ? *of_images : engine, static_cast<Eigen::Index>(count), first, observe};
  std::vector<Value> values(values_.size());
  const Eigen::Index columns = run.images * input().positions();
  if (images.features.empty()) {
    using Pixels = Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic>;
    values[0].floats = Eigen::Map<const Pixels>(images.image(first), input().channels, columns).cast<float>() / 255.0f;
  } else {
    values[0].floats = Eigen::Map<const Eigen::MatrixXf>(images.sequence(first), input().channels, columns);
  }
  std::vector<const Value*> inputs;
  for (const Step& step : steps_) {
    if (step.kernel) {
      inputs.clear();
      for (const size_t v : step.inputs) inputs.push_back(&values[storage_[v]]);
      step.kernel(inputs, values[step.output], run);
    }
    for (const size_t v : step.finished) values[v] = {};
  }
  return std::move(values[storage_[output_]].floats);
}

Eigen::MatrixXf logits(const Network& network, const MatrixEngine& engine, const ImageSet& images,
                       const RunOptions& options) {
  const ValueInfo& in = network.input();
  if (in.channels != images.channels || in.height != images.height || in.width != images.width) {
    throw ConfigError(
        network.path(), 0, "",
        fmt::format("takes images of {} × {} × {} (channels × height × width), but those of {} are "
                    "{} × {} × {}",
                    in.channels, in.height, in.width, images.source, images.channels, images.height, images.width));
  }
  if (in.is_sequence() == images.features.empty()) {
    throw ConfigError(network.path(), 0, "",
                      fmt::format("takes {}, but {} holds {}", in.is_sequence() ? "sequences of features" : "images of pixels",
                                  images.source, in.is_sequence() ? "images of pixels" : "sequences of features"));
  }
  Eigen::MatrixXf result(network.classes(), static_cast<Eigen::Index>(images.size()));
  const size_t chunks = (images.size() + images_per_chunk - 1) / images_per_chunk;
  Progress progress(options.title, images.size(), options.progress);
  parallel_for(
      chunks, options.threads > 0 ? options.threads : default_threads(), [&](size_t chunk) {
        const size_t first = chunk * images_per_chunk,
                     count = std::min(images_per_chunk, images.size() - first);
        result.middleCols(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(count)) =
            network.run(engine, images, first, count, options.observe);
        progress.advance(count);
      });
  return result;
}

std::vector<int> classify(const Network& network, const MatrixEngine& engine,
                          const ImageSet& images, const RunOptions& options) {
  const Eigen::MatrixXf outputs = logits(network, engine, images, options);
  std::vector<int> classes(images.size());
  for (size_t i = 0; i < classes.size(); ++i) {
    Eigen::Index best = 0;
    outputs.col(static_cast<Eigen::Index>(i)).maxCoeff(&best);
    classes[i] = static_cast<int>(best);
  }
  return classes;
}

double accuracy(const std::vector<int>& classes, const ImageSet& images) {
  size_t right = 0;
  for (size_t i = 0; i < classes.size(); ++i) right += classes[i] == images.labels[i] ? 1 : 0;
  return classes.empty() ? 0.0 : static_cast<double>(right) / static_cast<double>(classes.size());
}

std::vector<InputCodes> record_input_codes(const Network& network, const MatrixEngine& engine,
                                           const ImageSet& images, const RunOptions& options) {
  std::vector<InputCodes> recorded(network.matrices().size());
  for (size_t m = 0; m < recorded.size(); ++m) {
    recorded[m].resize(network.matrices()[m].weights.rows(),
                       static_cast<Eigen::Index>(images.size()) * network.positions(m));
  }
  RunOptions recording = options;
  recording.observe = [&](size_t first, size_t matrix, const InputCodes& codes,
                          const Eigen::MatrixXf& out) {
    recorded[matrix].middleCols(static_cast<Eigen::Index>(first) * network.positions(matrix),
                                codes.cols()) = codes;
    if (options.observe) options.observe(first, matrix, codes, out);
  };
  logits(network, engine, images, recording);
  return recorded;
}

}  // namespace mho::chip
