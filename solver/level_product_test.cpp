// Products with levels: the bound on rounding, exactness in the digits, the same bits from every kernel and batch, symmetry, no allocation.
#include "solver/level_product.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"

namespace {
thread_local long allocations = 0;
}
// Counted, so that a test can say that a call allocates nothing. Aligned forms end in the same counter.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t align) {
  ++allocations;
  const std::size_t a = static_cast<std::size_t>(align);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

using namespace mho;
using namespace mho::solver;

namespace {

RandomStream stream(Eigen::Index a, Eigen::Index b) {
  return RandomStream(61, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), 0, Purpose::test);
}

// Conductances over two decades [S].
Eigen::MatrixXd conductances(Eigen::Index rows, Eigen::Index columns) {
  RandomStream random = stream(rows, columns);
  Eigen::MatrixXd m(rows, columns);
  for (Eigen::Index i = 0; i < m.size(); ++i) m.data()[i] = 1e-6 * std::pow(100.0, random.uniform());
  return m;
}

LevelMatrix levels_of(Eigen::Index rows, Eigen::Index inputs) {
  RandomStream random = stream(rows, 1000 + inputs);
  LevelMatrix l(rows, inputs);
  for (Eigen::Index i = 0; i < l.size(); ++i) l.data()[i] = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  return l;
}

struct Sums {
  Eigen::MatrixXf plus_minus, active;
  bool operator==(const Sums& other) const { return plus_minus == other.plus_minus && active == other.active; }
};
Sums sums_of(const LevelProduct& product, const LevelMatrix& levels) {
  const PackedLevels packed(levels);
  Sums s;
  product.signed_sums(packed, s.plus_minus);
  product.active_sums(packed, s.active);
  return s;
}

struct Shape {
  Eigen::Index rows, columns, inputs;
};
// Around the sizes of tiles, blocks and words, and the largest core.
const Shape shapes[] = {{1, 1, 1}, {2, 3, 5}, {3, 16, 6}, {4, 17, 7}, {5, 31, 2}, {63, 33, 13}, {64, 64, 12}, {255, 65, 11}, {256, 100, 3}, {257, 130, 1}, {1030, 40, 9}, {4096, 70, 8}};

}  // namespace

TEST_CASE("entries are rounded by at most half a step, columns apart") {
  for (const int parts : {1, 2})
    for (const Shape& s : shapes) {
      Eigen::MatrixXd m = conductances(s.rows, s.columns);
      for (Eigen::Index j = 0; j < s.columns; ++j) m.col(j) *= std::pow(10.0, static_cast<double>(j % 9) - 4.0);  // a column does not see its neighbours' size
      const LevelProduct product(m, parts);
      const Eigen::MatrixXd rounded = product.rounded();
      for (Eigen::Index j = 0; j < s.columns; ++j) {
        const double step = product.step(j), top = parts == 1 ? 255 : 65535;
        CHECK(step * top == doctest::Approx(m.col(j).maxCoeff()).epsilon(1e-7));  // the step is a float
        CHECK((m.col(j) - rounded.col(j)).cwiseAbs().maxCoeff() <= 0.5 * step * (1 + 1e-9));  // quotients are rounded in double precision
      }
    }
}

TEST_CASE("sums are off exact ones by at most half a step per active row and float rounding") {
  for (const int parts : {1, 2})
    for (const Shape& s : shapes) {
      const Eigen::MatrixXd m = conductances(s.rows, s.columns);
      const LevelMatrix l = levels_of(s.rows, s.inputs);
      const LevelProduct product(m, parts);
      const Sums sums = sums_of(product, l);
      const Eigen::MatrixXd x = l.cast<double>(), on = x.cwiseAbs();
      const Eigen::MatrixXd exact = m.transpose() * x, exact_on = m.transpose() * on;
      for (Eigen::Index b = 0; b < s.inputs; ++b)
        for (Eigen::Index j = 0; j < s.columns; ++j) {
          // The reference itself is a sum in double precision: 1e-12 of the largest it can pass through.
          const double bound = 0.5 * product.step(j) * on.col(b).sum() * (1 + 1e-9) + 1e-12 * exact_on(j, b);
          const double v = static_cast<double>(sums.plus_minus(j, b)), a = static_cast<double>(sums.active(j, b));
          CHECK(std::abs(v - exact(j, b)) <= bound + std::ldexp(std::abs(v), -23));
          CHECK(std::abs(a - exact_on(j, b)) <= bound + std::ldexp(a, -23));
        }
    }
}

TEST_CASE("sums are whole numbers of steps, made a float and multiplied once") {
  for (const int parts : {1, 2})
    for (const Shape& s : shapes) {
      const LevelProduct product(conductances(s.rows, s.columns), parts);
      const LevelMatrix l = levels_of(s.rows, s.inputs);
      const Eigen::MatrixXd rounded = product.rounded();
      Eigen::MatrixXd n(s.rows, s.columns);
      for (Eigen::Index j = 0; j < s.columns; ++j) n.col(j) = (rounded.col(j) / product.step(j)).array().round();
      const Eigen::MatrixXd x = l.cast<double>();
      // Whole numbers below 2^53: these products are exact.
      const Eigen::MatrixXf counts = (n.transpose() * x).cast<float>(), active = (n.transpose() * x.cwiseAbs()).cast<float>();
      const Sums sums = sums_of(product, l);
      for (Eigen::Index j = 0; j < s.columns; ++j) {
        const float step = static_cast<float>(product.step(j));
        CHECK(sums.plus_minus.row(j) == step * counts.row(j));
        CHECK(sums.active.row(j) == step * active.row(j));
      }
    }
}

TEST_CASE("matrices of whole digits come back exactly, and products of two add up to that of their sum") {
  for (const int parts : {1, 2}) {
    const int top = parts == 1 ? 255 : 65535, rows = 200, columns = 50;
    RandomStream random = stream(7, parts);
    Eigen::MatrixXd a(rows, columns), b(rows, columns);
    for (Eigen::Index i = 0; i < a.size(); ++i) {
      a.data()[i] = random.below(static_cast<std::uint32_t>(top / 2));
      b.data()[i] = random.below(static_cast<std::uint32_t>(top / 2));
    }
    // The largest of each column fixes its step: 1, 1/2 and 2 here.
    a.row(3).setConstant(top), b.row(3).setConstant(0);
    b.row(5).setConstant(top), a.row(5).setConstant(0);
    const LevelMatrix l = levels_of(rows, 20);
    CHECK(LevelProduct(a, parts).rounded() == a);
    CHECK(LevelProduct(0.5 * a, parts).rounded() == 0.5 * a);
    const Sums of_a = sums_of(LevelProduct(a, parts), l), of_b = sums_of(LevelProduct(b, parts), l), twice = sums_of(LevelProduct(2.0 * a, parts), l);
    const Sums of_sum = sums_of(LevelProduct(a + b, parts), l);
    CHECK(of_sum.plus_minus == of_a.plus_minus + of_b.plus_minus);  // all below 2^24
    CHECK(of_sum.active == of_a.active + of_b.active);
    CHECK(twice.plus_minus == 2.0f * of_a.plus_minus);
    CHECK(of_a.plus_minus == (a.transpose() * l.cast<double>()).cast<float>());
  }
}

TEST_CASE("every kernel gives the same bits, one output or both") {
  for (const int parts : {1, 2})
    for (const Shape& s : shapes) {
      const Eigen::MatrixXd m = conductances(s.rows, s.columns);
      LevelMatrix l = levels_of(s.rows, s.inputs);
      if (s.inputs > 2) l.col(0).setConstant(1), l.col(1).setConstant(-1);  // the largest sums there are
      const Sums plain = sums_of(LevelProduct(m, parts, Kernel::plain), l);
      for (const Kernel kernel : {Kernel::best, Kernel::avx2, Kernel::avx512_vnni}) {
        if (!has_kernel(kernel)) {
          MESSAGE("this processor lacks kernel " << static_cast<int>(kernel));
          continue;
        }
        const LevelProduct product(m, parts, kernel);
        CHECK(sums_of(product, l) == plain);
        Sums both;
        product.sums(PackedLevels(l), both.plus_minus, both.active);
        CHECK(both == plain);
      }
    }
}

TEST_CASE("the largest digits and the most rows stay within whole numbers of 32 bits") {
  for (const int parts : {1, 2}) {
    const Eigen::Index rows = 32768;
    const LevelMatrix ones = LevelMatrix::Constant(rows, 2, 1);
    for (const Kernel kernel : {Kernel::plain, Kernel::avx2, Kernel::avx512_vnni}) {
      if (!has_kernel(kernel)) continue;
      const Sums s = sums_of(LevelProduct(Eigen::MatrixXd::Ones(rows, 2), parts, kernel), ones);
      CHECK(s.plus_minus.cast<double>().isConstant(static_cast<double>(rows), 3e-7));  // roundings of step, sum and product
      CHECK(s.active == s.plus_minus);
    }
  }
  CHECK_THROWS_AS(LevelProduct(Eigen::MatrixXd::Ones(32769, 1), 2), Error);
}

TEST_CASE("an input's sums do not depend on the batch around it, nor on threads") {
  const Eigen::Index rows = 130, columns = 90, inputs = 40;
  const LevelMatrix l = levels_of(rows, inputs);
  for (const int parts : {1, 2})
    for (const Kernel kernel : {Kernel::plain, Kernel::avx2, Kernel::avx512_vnni}) {
      if (!has_kernel(kernel)) continue;
      const LevelProduct product(conductances(rows, columns), parts, kernel);
      const Sums whole = sums_of(product, l);
      for (const Eigen::Index count : {1, 2, 3, 4, 5, 7, 19})
        for (Eigen::Index first = 0; first < inputs; first += count) {
          const Eigen::Index n = std::min(count, inputs - first);
          const Sums part = sums_of(product, l.middleCols(first, n));
          CHECK(part.plus_minus == whole.plus_minus.middleCols(first, n));
          CHECK(part.active == whole.active.middleCols(first, n));
        }
      std::vector<Sums> shared(8);
      parallel_for(shared.size(), 4, [&](size_t i) { shared[i] = sums_of(product, l); });
      for (const Sums& s : shared) CHECK(s == whole);
    }
}

TEST_CASE("opposite levels give opposite sums and the same active ones, active is up plus down") {
  const LevelMatrix l = levels_of(77, 9), opposite = -l;
  LevelMatrix up = l.cwiseMax(LevelMatrix::Zero(77, 9)), down = opposite.cwiseMax(LevelMatrix::Zero(77, 9));
  for (const int parts : {1, 2}) {
    const LevelProduct product(conductances(77, 20), parts);
    const Sums s = sums_of(product, l), o = sums_of(product, opposite), u = sums_of(product, up), d = sums_of(product, down);
    CHECK(o.plus_minus == -s.plus_minus);
    CHECK(o.active == s.active);
    CHECK(u.plus_minus == u.active);
    // Sums of whole numbers, each a float multiple of the same step: equal up to the rounding of those products.
    CHECK((u.active + d.active).isApprox(s.active, 1e-6f));
    CHECK((u.active - d.active).isApprox(s.plus_minus, 1e-5f));
  }
}

TEST_CASE("columns and inputs of zeros give zeros") {
  Eigen::MatrixXd m = conductances(20, 40);
  m.col(0).setZero(), m.col(17).setZero(), m.col(39).setZero();
  LevelMatrix l = levels_of(20, 8);
  l.col(7).setZero();
  for (const int parts : {1, 2}) {
    const LevelProduct product(m, parts);
    const Sums s = sums_of(product, l);
    for (const Eigen::Index j : {0, 17, 39}) {
      CHECK(product.step(j) == 0.0);
      CHECK((s.plus_minus.row(j).array() == 0.0f).all());
      CHECK((s.active.row(j).array() == 0.0f).all());
    }
    CHECK((s.active.col(7).array() == 0.0f).all());
    CHECK(sums_of(product, LevelMatrix(20, 0)).active.cols() == 0);
  }
}

TEST_CASE("repeated calls allocate nothing and write in place") {
  const LevelMatrix l = levels_of(100, 50), smaller = levels_of(99, 20);
  PackedLevels packed(l);
  for (const Kernel kernel : {Kernel::plain, Kernel::avx2, Kernel::avx512_vnni}) {
    if (!has_kernel(kernel)) continue;
    const LevelProduct product(conductances(100, 70), 2, kernel);
    Eigen::MatrixXf a(70, 50), b(70, 50);
    const float *at_a = a.data(), *at_b = b.data();  // Eigen's own allocations do not pass the counter
    const long before = allocations;
    packed.pack(smaller);
    packed.pack(l.middleCols(0, 50));
    product.signed_sums(packed, a);
    product.active_sums(packed, b);
    product.sums(packed, a, b);
    CHECK(allocations == before);
    CHECK(a.data() == at_a);
    CHECK(b.data() == at_b);
  }
  const long before = allocations;
  const PackedLevels counted(l);
  CHECK(allocations > before);  // the counter counts
}

TEST_CASE("what cannot be multiplied is refused by name") {
  const auto with = [](double entry) {
    Eigen::MatrixXd m = Eigen::MatrixXd::Constant(5, 3, 1e-5);
    m(4, 2) = entry;
    return m;
  };
  CHECK_THROWS_WITH_AS(LevelProduct(with(-1e-9), 1), "row 4, column 2: a level product takes finite entries >= 0, not -1e-09", Error);
  CHECK_THROWS_AS(LevelProduct(with(std::numeric_limits<double>::quiet_NaN()), 1), Error);
  CHECK_THROWS_AS(LevelProduct(with(std::numeric_limits<double>::infinity()), 1), Error);
  CHECK_THROWS_AS(LevelProduct(with(1e38), 1), Error);  // five of them are more than a float
  CHECK_THROWS_AS(LevelProduct(Eigen::MatrixXd::Constant(2, 2, 1e-37), 1), Error);
  CHECK_NOTHROW(LevelProduct(with(1e37), 1));
  CHECK_THROWS_WITH_AS(LevelProduct(with(0), 3), "a level product has 1 or 2 parts, not 3", Error);
  CHECK_THROWS_AS(LevelProduct(with(0), 0), Error);
  CHECK_THROWS_AS(LevelProduct(Eigen::MatrixXd(0, 3), 1), Error);
  CHECK_THROWS_AS(LevelProduct(Eigen::MatrixXd(3, 0), 1), Error);
  Eigen::MatrixXf out;
  const LevelProduct product(with(0), 1);
  CHECK_THROWS_WITH_AS(product.signed_sums(PackedLevels(levels_of(6, 2)), out), "levels of 6 rows do not fit a matrix of 5 rows", Error);
  CHECK_THROWS_AS(product.active_sums(PackedLevels(), out), Error);
  for (const int wrong : {2, -2, 127, -128}) {
    LevelMatrix l = levels_of(5, 3);
    l(4, 2) = static_cast<std::int8_t>(wrong);
    CHECK_THROWS_AS(PackedLevels{l}, Error);
  }
}
