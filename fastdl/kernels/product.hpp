// Matrix product: C = finish(start + A B), fused with what comes before it (a bias) and after it (an activation).
//
// a. A tile of C, 6 rows by 4 vectors of columns, stays in registers while k runs over the whole depth: for each k, 4
//    vectors of a row of B are loaded, 6 elements of A broadcast, 24 multiply-adds done. A may have any strides, so a
//    transposed A costs the same.
// b. Each element of C is one chain of multiply-adds in the order of k, starting from the bias. Blocking stores the chain
//    in C and picks it up again, which changes no bit: the result does not depend on path, blocking or threads.
// c. Small B is read where it lies. Reading the last vector of a row past its end meets the next row; its extra lanes are
//    never stored. The last row has no next one and is copied to padded scratch first. Nothing outside B is read.
// d. B is packed into panels of the tile's width, zero-padded, where its columns are not contiguous, where it is narrower
//    than a vector, or where it is too large for the cache: then one block of k at a time, for which each member copies
//    blocks of its rows of A too (rows that are a power of two apart would fight for the same few cache lines). A copied
//    block stays in the L2 cache while all panels of B pass by it.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "plan.hpp"
#include "vector.hpp"

namespace FASTDL_LEVEL {

// An element (i, j) lies at data[i * row + j * column]. One of these is 1 for the matrices of a product.
template <class T>
struct Matrix {
  const T* data;
  index row;
  index column;

  Matrix block(index i, index j) const { return {data + i * row + j * column, row, column}; }
};

template <class T>
struct Tile {
  static constexpr index rows = 6;
  static constexpr index vectors = FASTDL_TILE_VECTORS;
  static constexpr index columns = vectors * Vector<T>::lanes;
};

// out (ROWS rows of VECTORS vectors, `out_row` apart) = start + A B. `last` is the last row of B, readable to the full
// width; `start_row` is 0 for a bias. Of the last vector of each row of start and out only `tail` elements are there.
// The rows of C below, which the next tile needs, are asked for on the way, one after the other: all at once they would
// hold up the loads of B behind them.
template <class T, int ROWS, int VECTORS>
void multiply_tile(index depth, Matrix<T> a, const T* b, index b_row, const T* last, const T* start, index start_row,
                   T* out, index out_row, index tail) {
  constexpr index lanes = Vector<T>::lanes;
  typename Vector<T>::type sum[ROWS * VECTORS], right[VECTORS];
  unroll<ROWS * VECTORS>([&](auto q) {
    constexpr int i = q / VECTORS, j = q % VECTORS;
    const T* from = start + i * start_row + j * lanes;
    sum[q] = j < VECTORS - 1 ? load(from) : load(from, tail);
  });
  index k = 0;
  for (int i = 0; i < ROWS; ++i) {
    prefetch(out, (ROWS + i) * out_row, VECTORS * lanes);
    for (const index end = (i + 1) * depth / ROWS; k < end; ++k) {
      const T* row = k < depth - 1 ? b + k * b_row : last;
      const T* left = a.data + k * a.column;
      unroll<VECTORS>([&](auto j) { right[j] = load(row + j * lanes); });
      unroll<ROWS * VECTORS>([&](auto q) { sum[q] += left[q / VECTORS * a.row] * right[q % VECTORS]; });
    }
  }
  unroll<ROWS * VECTORS>([&](auto q) {
    constexpr int i = q / VECTORS, j = q % VECTORS;
    T* to = out + i * out_row + j * lanes;
    j < VECTORS - 1 ? store(to, sum[q]) : store(to, sum[q], tail);
  });
}

template <class T>
using TileFunction = void (*)(index, Matrix<T>, const T*, index, const T*, const T*, index, T*, index, index);

template <class T, int ROWS, std::size_t... VECTORS>
constexpr auto tile_row(std::index_sequence<VECTORS...>) {
  return std::array<TileFunction<T>, sizeof...(VECTORS)>{multiply_tile<T, ROWS, int(VECTORS) + 1>...};
}

// The function for a tile of so many rows and vectors.
template <class T>
TileFunction<T> tile_function(index rows, index vectors) {
  constexpr auto widths = std::make_index_sequence<Tile<T>::vectors>();
  static constexpr std::array<std::array<TileFunction<T>, Tile<T>::vectors>, Tile<T>::rows> table = {
      tile_row<T, 1>(widths), tile_row<T, 2>(widths), tile_row<T, 3>(widths),
      tile_row<T, 4>(widths), tile_row<T, 5>(widths), tile_row<T, 6>(widths)};
  return table[rows - 1][vectors - 1];
}

// One product C (m, n) = finish(bias + A B), C contiguous. finish(values, row, column, count) is called once for every run
// of finished elements of one row of C, and changes them in place.
template <class T, class Finish>
struct Product {
  index m, n, depth;
  Matrix<T> a, b;
  const T* bias;  // (n,), or null
  T* c;
  Finish finish;

  static constexpr index lanes = Vector<T>::lanes;
  static constexpr index width = Tile<T>::columns;  // of a panel
  static constexpr index block_bytes = 1 << 20;     // a larger B is multiplied block by block
  static constexpr index block_rows = 44 * Tile<T>::rows;
  static constexpr index block_depth = 2048 / sizeof(T);
  static constexpr index ahead = 4;  // rows: of those that are a power of two apart, a cache keeps few

  index panels() const { return ceil_div(n, width); }
  bool is_blocked() const { return depth * n * index(sizeof(T)) > block_bytes; }
  bool is_packed() const { return is_blocked() || b.column != 1 || n < lanes; }

  Scratch scratch() const {
    const index packed = is_packed() ? (is_blocked() ? std::min(depth, index(block_depth)) : depth) * panels() * width : 0;
    const index own = 2 * panels() * width + (is_blocked() ? block_rows * block_depth : 0);
    return {packed * index(sizeof(T)), own * index(sizeof(T))};
  }

  // Whether rows of C can be computed one by one: after prepare(), by on_rows().
  bool has_rows() const { return !is_blocked() && ceil_div(m, Tile<T>::rows) >= panels(); }
  bool prepares() const { return is_packed(); }
  void prepare(const Team& team, Memory memory) const { pack(team, 0, depth, reinterpret_cast<T*>(memory.shared)); }
  void on_rows(index begin, index end, Memory memory) const { sweep(begin, end, 0, panels(), memory); }

  // Every member calls this. There is no barrier at its end.
  void operator()(const Team& team, Memory memory) const {
    if (is_blocked()) return multiply_blocks(team, memory);
    if (prepares()) {
      prepare(team, memory);
      team.barrier();
    }
    const bool by_rows = has_rows();
    const index shared = by_rows ? m : panels();
    const index begin = team.rank * shared / team.size, end = (team.rank + 1) * shared / team.size;
    by_rows ? on_rows(begin, end, memory) : sweep(0, m, begin, end, memory);
  }

 private:
  // A panel of B: its rows, and the last of them where it may be read to the full width.
  struct Right {
    const T* data;
    index row;
    const T* last;
  };

  static Right packed_panel(const T* packed, index panel, index deep) {
    const T* data = packed + panel * deep * width;
    return {data, width, data + (deep - 1) * width};
  }

  // What a row of C begins with, to the full width of the panels.
  T* start_of_rows(Memory memory) const {
    T* start = reinterpret_cast<T*>(memory.own);
    std::fill(start, start + panels() * width, T(0));
    if (bias) std::copy(bias, bias + n, start);
    return start;
  }

  // The tiles of C in these rows and panels.
  void sweep(index first_row, index end_row, index first_panel, index end_panel, Memory memory) const {
    const T* packed = reinterpret_cast<const T*>(memory.shared);
    T* start = start_of_rows(memory);
    T* rest = start + panels() * width;
    if (!is_packed() && depth > 0) std::copy(b.data + (depth - 1) * b.row, b.data + (depth - 1) * b.row + n, rest);
    for (index panel = first_panel; panel < end_panel; ++panel) {
      const Right right = is_packed() ? packed_panel(packed, panel, depth) : Right{b.data + panel * width, b.row, rest + panel * width};
      for (index i = first_row; i < end_row; i += Tile<T>::rows)
        multiply(a.block(i, 0), i, end_row, panel, depth, right, start + panel * width, true);
    }
  }

  // Tiles of rows or panels of columns, from begin to end.
  struct Range {
    index begin;
    index end;

    Range part(index i, index of) const {
      return {begin + i * (end - begin) / of, begin + (i + 1) * (end - begin) / of};
    }
  };

  static Range share(const Team& team, index count, bool is_cut) {
    return is_cut ? Range{0, count}.part(team.rank, team.size) : Range{0, count};
  }

  void multiply_blocks(const Team& team, Memory memory) const {
    T* packed = reinterpret_cast<T*>(memory.shared);
    const T* start = start_of_rows(memory);
    T* copy = reinterpret_cast<T*>(memory.own) + panels() * width;
    const index row_tiles = ceil_div(m, Tile<T>::rows);
    const bool by_rows = row_tiles >= panels();
    const Range rows = share(team, row_tiles, by_rows), columns = share(team, panels(), !by_rows);
    const index blocks = ceil_div(rows.end - rows.begin, block_rows / Tile<T>::rows);
    for (index k = 0; k < depth; k += block_depth) {
      const index deep = std::min(depth - k, index(block_depth));
      if (k > 0) team.barrier();
      pack(team, k, deep, packed);
      team.barrier();
      for (index block = 0; block < blocks; ++block) {
        const Range tiles = rows.part(block, blocks);
        const Matrix<T> left = copy_block(tiles, k, deep, copy);
        for (index panel = columns.begin; panel < columns.end; ++panel) {
          const Right right = packed_panel(packed, panel, deep);
          for (index tile = tiles.begin; tile < tiles.end; ++tile)
            multiply({left.data + (tile - tiles.begin) * Tile<T>::rows * deep, left.row, left.column}, tile * Tile<T>::rows, m,
                     panel, deep, right, k == 0 ? start + panel * width : nullptr, k + deep == depth);
        }
      }
    }
  }

  // One tile of C, from row i on and of rows before `end`; `left` begins at that row. The tile starts at `start`, or where
  // that is null goes on from what C holds.
  void multiply(Matrix<T> left, index i, index end, index panel, index deep, Right right, const T* start, bool is_last) const {
    const index j = panel * width, rows = std::min(end - i, Tile<T>::rows), columns = std::min(n - j, width);
    const index vectors = ceil_div(columns, lanes);
    T* out = c + i * n + j;
    tile_function<T>(rows, vectors)(deep, left, right.data, right.row, right.last, start ? start : out, start ? 0 : n, out, n,
                                    columns - (vectors - 1) * lanes);
    if (is_last)
      for (index r = 0; r < rows; ++r) finish(out + r * n, i + r, j, columns);
  }

  // Rows [k, k + deep) of B as zero-padded panels, one after the other.
  void pack(const Team& team, index k, index deep, T* packed) const {
    constexpr index together = 8 * lanes;
    const index chunks = ceil_div(deep, together);
    team.share(panels() * chunks, [&](index task) {
      const index panel = task / chunks, r = task % chunks * together;
      const index j = panel * width, rows = std::min(deep - r, together), columns = std::min(n - j, width);
      pack_chunk(b.block(k + r, j), rows, columns, packed + (panel * deep + r) * width);
    });
  }

  // Memory is read in short runs, which the hardware does not foresee: the next ones are asked for in time.
  static void pack_chunk(Matrix<T> from, index rows, index columns, T* out) {
    if (from.column == 1) {
      for (index r = 0; r < rows; ++r, from.data += from.row, out += width) {
        prefetch(from.data, ahead * from.row, columns);
        std::copy_n(from.data, columns, out);
        std::fill(out + columns, out + width, T(0));
      }
      return;
    }
    for (index j = 0; j < width; j += lanes)
      for (index r = 0; r < rows; r += lanes) {
        typename Vector<T>::type square[lanes];
        const index here = std::min(rows - r, lanes);
        unroll<lanes>([&](auto q) {
          const T* row = from.data + r + (j + q) * from.column;
          square[q] = j + q < columns ? load(row, here) : typename Vector<T>::type{};
          prefetch_line(row, lanes * from.column);
        });
        transpose(square);
        unroll<lanes>([&](auto q) {
          if (q < here) store(out + (r + q) * width + j, square[q]);
        });
      }
  }

  // These tiles of A, one after the other.
  Matrix<T> copy_block(Range tiles, index k, index deep, T* out) const {
    constexpr index height = Tile<T>::rows;
    const index begin = tiles.begin * height, end = std::min(m, tiles.end * height);
    const Matrix<T> from = a.block(0, k);
    if (from.column == 1) {
      for (index i = begin; i < end; ++i, out += deep) std::copy_n(from.data + i * from.row, deep, out);
      return {out - (end - begin) * deep, deep, 1};
    }
    for (index q0 = 0; q0 < deep; q0 += ahead) {
      const index q1 = std::min(deep, q0 + ahead);
      for (index q = q1; q < std::min(deep, q1 + ahead); ++q) prefetch(from.data, begin + q * from.column, end - begin);
      for (index i = begin; i < end; i += height)
        for (index q = q0; q < q1; ++q) {
          const T* column = from.data + i + q * from.column;
          T* to = out + (i - begin) * deep + q * height;
          i + height <= end ? std::copy_n(column, height, to) : std::copy_n(column, end - i, to);
        }
    }
    return {out, 1, height};
  }
};

}  // namespace FASTDL_LEVEL
