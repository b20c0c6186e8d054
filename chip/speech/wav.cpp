#include "chip/speech/wav.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::chip {
namespace {

constexpr std::uint32_t pcm = 1, extensible = 0xfffe;  // format tags
constexpr std::uint32_t largest_rate = 768000;         // [Hz]
constexpr double full_scale = 32768.0;                 // code of amplitude 1

struct Bytes {
  const std::string& path;
  std::string_view bytes;

  std::uint32_t number(size_t at, size_t size) const {
    if (at + size > bytes.size()) throw IoError(path, fmt::format("is truncated: it ends after {} bytes", bytes.size()));
    std::uint32_t value = 0;
    for (size_t i = size; i > 0; --i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i - 1]);
    return value;
  }
};

}  // namespace

Sound read_wav(const std::string& path) {
  const std::string content = read_text_file(path);
  const Bytes file{path, content};
  if (content.empty()) throw IoError(path, "is empty; expected a WAV file");
  if (content.compare(0, 4, "RIFF") != 0 || content.size() < 12 || content.compare(8, 4, "WAVE") != 0)
    throw IoError(path, "is not a WAV file: it does not begin with RIFF … WAVE");
  std::uint32_t channels = 0;
  Sound sound;
  for (size_t at = 12;;) {
    if (at + 8 > content.size()) throw IoError(path, fmt::format("is truncated: it ends after {} bytes without samples", content.size()));
    const std::string_view kind = file.bytes.substr(at, 4);
    const size_t size = file.number(at + 4, 4), begin = at + 8;
    if (kind == "fmt ") {
      std::uint32_t format = file.number(begin, 2);
      if (format == extensible && size >= 26) format = file.number(begin + 24, 2);
      const std::uint32_t bits = file.number(begin + 14, 2), rate = file.number(begin + 4, 4);
      channels = file.number(begin + 2, 2);
      if (format != pcm || bits != 16)
        throw IoError(path, fmt::format("holds {} bits of format {}; expected 16-bit PCM (format 1)", bits, format));
      if (channels == 0 || rate == 0 || rate > largest_rate)
        throw IoError(path, fmt::format("has a damaged header: {} channels at {} Hz", channels, rate));
      sound.sample_rate = static_cast<int>(rate);
    } else if (kind == "data") {
      if (channels == 0) throw IoError(path, "has samples before their format");
      const size_t frame = size_t{2} * channels;
      if (size > content.size() - begin)
        throw IoError(path, fmt::format("is truncated: the header says {} bytes of samples, the file has {}", size, content.size() - begin));
      if (size < frame) throw IoError(path, "holds no samples");
      for (size_t f = 0; f < size / frame; ++f) {
        double sum = 0.0;
        for (size_t c = 0; c < channels; ++c)
          sum += static_cast<std::int16_t>(static_cast<std::uint16_t>(file.number(begin + f * frame + 2 * c, 2)));
        sound.samples.push_back(static_cast<float>(sum / channels / full_scale));
      }
      return sound;
    }
    at = begin + size + size % 2;  // chunks begin at even bytes
  }
}

}  // namespace mho::chip
