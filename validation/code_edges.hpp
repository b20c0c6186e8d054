// Linearity of a converter from a sweep of its input: codes over voltages. Finer sweeps know the
// edges better: each is known to half a step of the sweep.
#pragma once
#include <vector>

namespace mho::validation {

struct CodeEdges {
  std::vector<double> code, v, inl,
      dnl;  // edge k [1], [V], [LSB], [LSB]; dnl is NAN where the edge before it is not known
  double lsb = 0.0, offset = 0.0;  // [V] of the straight line through all edges
  double resolution = 0.0;         // [V] largest half step of the sweep
};

// Edge k > 0 lies between codes k − 1 and k, edge k < 0 between k and k + 1, so that the edges of a
// converter that truncates towards zero lie on one straight line. `v` and `code` in any order; a
// jump by more than one code puts all its edges in one place. Fewer than 3 edges: no line, inl and
// dnl stay empty.
CodeEdges code_edges(const std::vector<double>& v, const std::vector<int>& code);

}  // namespace mho::validation
