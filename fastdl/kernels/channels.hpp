// Arrays of (samples, channels, size), whose channels are treated alike: (N, D) has size 1, (N, C, H, W) size H W.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "sums.hpp"

namespace FASTDL_LEVEL {

// A mean in two parts, because x - mean of numbers far from 0 has more digits than the mean rounded to T; and the
// inverse of the standard deviation. In memory three rows, each with a number for each channel.
template <class T>
struct Centre {
  T mean, lost, inverse_std;

  Centre(const T* statistics, index count, index i)
      : mean(statistics[i]), lost(statistics[count + i]), inverse_std(statistics[2 * count + i]) {}

  T centred(T x) const { return (x - mean) - lost; }

  static void store(double mean, double variance, double eps, T* statistics, index count, index i) {
    statistics[i] = T(mean);
    statistics[count + i] = T(mean - double(T(mean)));
    statistics[2 * count + i] = T(1 / std::sqrt(variance + eps));
  }
};

// Some channels of some samples. Of planes that are larger than a tile, a part.
struct ChannelTile {
  index part;      // which of the parts that a channel is cut into
  index channel;   // the first one
  index channels;
  index offset;    // of the first element
  index samples;
  index count;     // elements of a plane
};

struct ChannelTiles {
  index samples, channels, size;
  index tile_samples, tile_channels, tile_size;
  index lead;  // channels of a narrow first tile, so that the others begin on a cache line

  template <class T>
  ChannelTiles(const fastdl_channels& shape, const T* data)
      : samples(shape.samples), channels(shape.channels), size(shape.size) {
    constexpr index row = 1024, elements = 1 << 15, least = 64;  // of a channel at least so many, but for the last tile
    tile_size = std::min(size, elements / 2);
    tile_channels = std::min(channels, std::max(row / size, index(1)));
    tile_samples = std::max(elements / (tile_channels * tile_size), ceil_div(least, tile_size));
    tile_samples = std::min(samples, tile_samples);
    // Which tile a channel is in does not change its sums. Of a small array the tiles are narrow, so that a team has enough
    // of them; and a vector that straddles two lines costs two accesses.
    constexpr index line = 64 / sizeof(T), enough = 8;
    const index wanted = ceil_div(channels, ceil_div(enough, parts()));
    tile_channels = std::min(tile_channels, size == 1 ? ceil_div(wanted, line) * line : wanted);
    const index past = index(reinterpret_cast<std::uintptr_t>(data) / sizeof(T) % line);
    lead = size == 1 && channels >= row / 2 && channels % line == 0 ? (line - past) % line : 0;
  }

  // Numbers before the scratch of the first channel, which put that of the others on a cache line.
  index scratch_lead() const { return (8 - lead % 8) % 8; }

  index elements() const { return samples * channels * size; }
  index runs() const { return ceil_div(size, tile_size); }
  index parts() const { return ceil_div(samples, tile_samples) * runs(); }
  index part_samples(index part) const { return std::min(samples - part / runs() * tile_samples, tile_samples); }
  index part_size(index part) const { return std::min(size - part % runs() * tile_size, tile_size); }

  index across() const { return (lead > 0) + ceil_div(channels - lead, tile_channels); }

  ChannelTile tile(index number) const {
    const index part = number / across(), place = number % across() - (lead > 0);
    const index channel = place < 0 ? 0 : lead + place * tile_channels;
    const index end = place < 0 ? lead : std::min(channels, channel + tile_channels);
    const index first = (part / runs() * tile_samples * channels + channel) * size + part % runs() * tile_size;
    return {part, channel, end - channel, first, part_samples(part), part_size(part)};
  }

  // Calls work(tile) for this member's tiles.
  template <class Work>
  void share(const Team& team, Work work) const {
    team.share(parts() * across(), [&](index number) { work(tile(number)); });
  }

  // Calls work(tile) for the tiles of these samples, which are as wide as the others, but of whole planes.
  template <class Work>
  void each_of_samples(index begin, index end, Work work) const {
    for (index place = 0; place < across(); ++place) {
      const ChannelTile of = tile(place);
      work(ChannelTile{0, of.channel, of.channels, (begin * channels + of.channel) * size, end - begin, size});
    }
  }

  // An eighth of a tile, rounded up, but four at least: fewer samples, or where these are runs fewer elements of each.
  ChannelTile eighth(ChannelTile tile) const {
    index& some = size == 1 ? tile.samples : tile.count;
    some = std::min(some, std::max(ceil_div(some, 8), index(4)));
    return tile;
  }

  // Calls work(first, end) for this member's channels.
  template <class Work>
  void share_channels(const Team& team, Work work) const {
    constexpr index some = 64;
    team.share(ceil_div(channels, some), [&](index tile) { work(tile * some, std::min(channels, (tile + 1) * some)); });
  }

  // For each channel of a tile, K sums: load(channel) returns what is needed of the channel, and add(values, offset, s)
  // adds an element's terms to s, up to four in S. They go to totals[k * channels], totals of the tile's first channel.
  template <int K, class S, class Load, class Add>
  void sum(const ChannelTile& tile, double* totals, Load load, Add add) const {
    const index row = channels * size;
    if (size == 1) {
      for (int k = 0; k < K; ++k) std::fill_n(totals + k * channels, tile.channels, 0.0);
      add_rows<K, S>(tile.samples, tile.channels, totals, channels, [&](index i, index j, S (&s)[K]) {
        add(load(tile.channel + j), tile.offset + i * row + j, s);
      });
      return;
    }
    for (index c = 0; c < tile.channels; ++c) {
      const auto values = load(tile.channel + c);
      RunSums<K, S> sums;
      for (index i = 0; i < tile.samples; ++i) {
        const index first = tile.offset + i * row + c * size;
        sums.add_run(tile.count, [&](index q, S (&s)[K]) { add(values, first + q, s); });
      }
      for (int k = 0; k < K; ++k) totals[k * channels + c] = sums.total(k);
    }
  }

  // Calls apply(load(channel), offset) for each element of a tile.
  template <class Load, class Apply>
  void each(const ChannelTile& tile, Load load, Apply apply) const {
    const index row = channels * size;
    if (size == 1) {
      for (index i = 0; i < tile.samples; ++i)
#pragma GCC ivdep
        for (index j = 0; j < tile.channels; ++j) apply(load(tile.channel + j), tile.offset + i * row + j);
      return;
    }
    for (index i = 0; i < tile.samples; ++i)
      for (index c = 0; c < tile.channels; ++c) {
        const auto values = load(tile.channel + c);
        const index first = tile.offset + i * row + c * size;
#pragma GCC ivdep
        for (index q = 0; q < tile.count; ++q) apply(values, first + q);
      }
  }
};

}  // namespace FASTDL_LEVEL
