#include "validation/code_edges.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/statistics.hpp"

namespace mho::validation {

CodeEdges code_edges(const std::vector<double>& v, const std::vector<int>& code) {
  std::vector<size_t> order(v.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return v[a] < v[b]; });
  CodeEdges e;
  for (size_t i = 1; i < order.size(); ++i) {
    const size_t a = order[i - 1], b = order[i];
    e.resolution = std::max(e.resolution, 0.5 * (v[b] - v[a]));
    for (int c = code[a]; c < code[b]; ++c) {
      const double edge = c >= 0 ? c + 1 : c;
      if (!e.code.empty() && edge <= e.code.back())
        continue;  // a code that came back belongs to its first edge
      e.code.push_back(edge);
      e.v.push_back(0.5 * (v[a] + v[b]));
    }
  }
  if (e.code.size() < 3) return e;
  const Line line = fit_line(e.code, e.v);
  e.lsb = line.slope;
  e.offset = line.intercept;
  for (size_t i = 0; i < e.code.size(); ++i) {
    e.inl.push_back((e.v[i] - line.intercept) / line.slope - e.code[i]);
    // Edges −1 and 1 are two LSB apart.
    const double steps = i == 0 ? 0.0 : e.code[i] - e.code[i - 1];
    const bool known = i > 0 && (steps == 1.0 || e.code[i - 1] == -1.0);
    e.dnl.push_back(known ? (e.v[i] - e.v[i - 1]) / line.slope - steps
                          : std::numeric_limits<double>::quiet_NaN());
  }
  return e;
}

}  // namespace mho::validation
