// Batch normalization (Ioffe and Szegedy 2015), with the activation that follows it.
// y = f(gamma (x - mean) / sqrt(variance + eps) + beta), mean and variance of each channel over the batch.
#pragma once

#include "activations.hpp"
#include "channels.hpp"

namespace FASTDL_LEVEL {

constexpr index parallel_normalized = 1 << 14;  // elements

// Running statistics: momentum times the old ones, plus the rest times those of the batch. None where mean is null.
template <class T>
struct Running {
  T* mean;
  T* variance;
  double momentum;
  double correction;  // times the variance of a batch

  void update(index c, double batch_mean, double batch_variance) const {
    mean[c] = T(momentum * mean[c] + (1 - momentum) * batch_mean);
    variance[c] = T(momentum * variance[c] + (1 - momentum) * (batch_variance * correction));
  }
};

// How many numbers normalize() needs for each of a tile's channels.
constexpr index of_normalize = 2;

// y = f((x - mean) scale + shift): few numbers to load for an element. What rounding took off the mean is in the shift.
template <class F, class T>
void normalize(F f, const ChannelTiles& tiles, index begin, index end, const T* x, const T* gamma, const T* beta,
               const T* statistics, T* y, T* scales) {
  struct Values {
    T mean, scale, shift;
  };
  T* shifts = scales + tiles.tile_channels;
  tiles.each_of_samples(begin, end, [&](const ChannelTile& tile) {
    const index first = tile.channel;
    for (index c = 0; c < tile.channels; ++c) {
      const Centre<T> centre(statistics, tiles.channels, first + c);
      scales[c] = gamma[first + c] * centre.inverse_std;
      shifts[c] = beta[first + c] - centre.lost * scales[c];
    }
    const auto load = [=](index c) { return Values{statistics[c], scales[c - first], shifts[c - first]}; };
    tiles.each(tile, load, [=](Values of, index i) { y[i] = f.forward((x[i] - of.mean) * of.scale + of.shift); });
  });
}

// Adds the arrays of normalize() but for the statistics.
template <class T>
Operands with_normalized(Operands operands, const ChannelTiles& tiles, const T* x, const T* gamma, const T* beta, T* y) {
  return operands.rows_read(x, tiles.elements())
      .rows_read_all(gamma, tiles.channels)
      .rows_read_all(beta, tiles.channels)
      .rows_write(y, tiles.elements());
}

// Means and squares around them, of parts of a batch: moments[part] = {mean of each channel, squares of each}. They become
// those of all parts in the place of the first one's, in the order of the parts (Chan, Golub and LeVeque 1979); returns how
// many numbers of a channel there are.
template <class Count>
double combine_moments(index first, index end, index channels, index parts, Count count_of, double* moments) {
  double* mean = moments;
  double* squares = moments + channels;
  double count = count_of(0);
  for (index part = 1; part < parts; ++part) {
    const double* mean_of_part = moments + part * 2 * channels;
    const double* squares_of_part = mean_of_part + channels;
    const double more = count_of(part);
    if (more == 0) continue;
    const double share = more / (count + more);
#pragma GCC ivdep
    for (index c = first; c < end; ++c) {
      const double d = mean_of_part[c] - mean[c];
      mean[c] += d * share;
      squares[c] += squares_of_part[c] + d * d * (count * share);
    }
    count += more;
  }
  return count;
}

// What is needed of these moments of channels of which each has so many numbers.
template <class T>
void store_statistics(index first, index end, index channels, const double* moments, double count, double eps,
                      const Running<T>& running, T* statistics) {
  const double* mean = moments;
  const double* squares = moments + channels;
  for (index c = first; c < end; ++c) Centre<T>::store(mean[c], squares[c] / count, eps, statistics, channels, c);
  if (!running.mean) return;
  for (index c = first; c < end; ++c) running.update(c, mean[c], squares[c] / count);
}

// Mean of each channel, and squares around it. Each part of a channel has its own, from one pass over its d = x - c.
//
// c is the mean of an eighth of the part, rounded. As the part has that eighth too, (mean - c)^2 is at most 8 times its
// variance, whatever the numbers (by Cauchy and Schwarz; as a rule it is far less): sum d^2 - (sum d)^2 / n loses three
// bits at most, and d is as small as that, so that a few may be added up in T.
template <class T>
struct BatchMoments {
  ChannelTiles tiles;
  const T* x;

  Scratch scratch() const {
    return {(tiles.scratch_lead() + tiles.parts() * 2 * tiles.channels) * index(sizeof(double)),
            of_normalize * tiles.tile_channels * index(sizeof(T))};
  }

  // Calls work(first, end, moments, count) for this member's channels.
  template <class Work>
  void operator()(const Team& team, Memory memory, Work work) const {
    double* moments = reinterpret_cast<double*>(memory.shared) + tiles.scratch_lead();
    tiles.share(team, [&](const ChannelTile& tile) { measure(tile, moments, reinterpret_cast<T*>(memory.own)); });
    team.barrier();
    tiles.share_channels(team, [&](index first, index end) {
      const auto count_of = [&](index part) { return double(tiles.part_samples(part) * tiles.part_size(part)); };
      work(first, end, moments, combine_moments(first, end, tiles.channels, tiles.parts(), count_of, moments));
    });
  }

  void measure(const ChannelTile& tile, double* scratch, T* centres) const {
    double* mean = scratch + tile.part * 2 * tiles.channels + tile.channel;
    double* squares = mean + tiles.channels;
    const T* data = x;
    const ChannelTile some = tiles.eighth(tile);
    tiles.template sum<1, T>(some, mean, [](index) { return 0; }, [=](int, index i, T (&s)[1]) { s[0] += data[i]; });
    for (index c = 0; c < tile.channels; ++c) centres[c] = T(mean[c] / double(some.samples * some.count));
    tiles.template sum<2, T>(tile, mean, [=, first = tile.channel](index c) { return centres[c - first]; },
                             [=](T centre, index i, T (&s)[2]) {
                               const T d = data[i] - centre;
                               s[0] += d;
                               s[1] += d * d;
                             });
    const double count = double(tile.samples * tile.count);
    for (index c = 0; c < tile.channels; ++c) {
      const double more = mean[c] / count, rest = squares[c] - mean[c] * more;
      mean[c] = centres[c] + more;
      squares[c] = rest < 0 ? 0.0 : rest;  // of equal numbers, by rounding
    }
  }
};

template <class T>
struct BatchStatistics {
  BatchMoments<T> moments;
  double eps;
  Running<T> running;
  T* statistics;

  void operator()(const Team& team, Memory memory) const {
    moments(team, memory, [&](index first, index end, const double* of_batch, double count) {
      store_statistics(first, end, moments.tiles.channels, of_batch, count, eps, running, statistics);
    });
  }
};

template <class F, class T>
struct BatchNormForward {
  F f;
  BatchStatistics<T> batch;
  const T *gamma, *beta;
  T* y;

  bool pays() const { return batch.moments.tiles.elements() >= parallel_normalized; }
  Scratch scratch() const { return batch.moments.scratch(); }
  index rows() const { return batch.moments.tiles.samples; }
  Operands operands() const {
    const ChannelTiles& tiles = batch.moments.tiles;
    const Operands prepared = Operands()
                                  .prepare_reads(batch.moments.x, tiles.elements())
                                  .prepare_writes(batch.statistics, 3 * tiles.channels)
                                  .prepare_writes(batch.running.mean, tiles.channels)
                                  .prepare_writes(batch.running.variance, tiles.channels);
    return with_normalized(prepared, tiles, batch.moments.x, gamma, beta, y);
  }

  bool prepares() const { return true; }
  void prepare(const Team& team, Memory memory) const { batch(team, memory); }
  void on_rows(index begin, index end, Memory memory) const {
    normalize(f, batch.moments.tiles, begin, end, batch.moments.x, gamma, beta, batch.statistics, y, reinterpret_cast<T*>(memory.own));
  }
};

// With statistics of the past: mean and variance are given.
template <class F, class T>
struct BatchNormInference {
  F f;
  ChannelTiles tiles;
  const T *x, *gamma, *beta, *mean, *variance;
  double eps;
  T* y;

  bool pays() const { return tiles.elements() >= parallel_normalized; }
  Scratch scratch() const {
    return {3 * tiles.channels * index(sizeof(T)), of_normalize * tiles.tile_channels * index(sizeof(T))};
  }
  index rows() const { return tiles.samples; }
  Operands operands() const {
    const Operands prepared = Operands().prepare_reads(mean, tiles.channels).prepare_reads(variance, tiles.channels);
    return with_normalized(prepared, tiles, x, gamma, beta, y);
  }

  bool prepares() const { return true; }
  void prepare(const Team& team, Memory memory) const {
    T* statistics = reinterpret_cast<T*>(memory.shared);
    tiles.share_channels(team, [&](index first, index end) {
      for (index c = first; c < end; ++c) Centre<T>::store(mean[c], variance[c], eps, statistics, tiles.channels, c);
    });
  }
  void on_rows(index begin, index end, Memory memory) const {
    const T* statistics = reinterpret_cast<const T*>(memory.shared);
    normalize(f, tiles, begin, end, x, gamma, beta, statistics, y, reinterpret_cast<T*>(memory.own));
  }
};

// With d = x - mean, s = 1 / sqrt(variance + eps), dz = dout f'(y) and n elements of a channel:
// dbeta = sum dz, dgamma = s sum dz d, dx = gamma s (dz - dbeta / n - d s dgamma / n).
template <class F, class T>
struct BatchNormSlopes {
  F f;
  ChannelTiles tiles;
  const T *dout, *x, *statistics, *y;

  index scratch_of_sums() const {
    return (tiles.scratch_lead() + tiles.parts() * 2 * tiles.channels) * index(sizeof(double));
  }

  // Calls work(first, end, sums) for this member's channels: sums of dz, and behind those of all channels, of dz d.
  template <class Work>
  void sum(const Team& team, char* memory, Work work) const {
    const index channels = tiles.channels;
    double* parts = reinterpret_cast<double*>(memory) + tiles.scratch_lead();
    tiles.share(team, [&](const ChannelTile& tile) {
      tiles.template sum<2, T>(
          tile, parts + tile.part * 2 * channels + tile.channel,
          [statistics = statistics, channels](index c) { return Centre<T>(statistics, channels, c); },
          [f = f, dout = dout, x = x, y = y](const Centre<T>& centre, index i, T (&s)[2]) {
            const T dz = f.backward(dout[i], y[i]);
            s[0] += dz;
            s[1] += dz * centre.centred(x[i]);
          });
    });
    team.barrier();
    tiles.share_channels(team, [&](index first, index end) {
      for (index part = 1; part < tiles.parts(); ++part)
#pragma GCC ivdep
        for (index c = first; c < end; ++c) {
          parts[c] += parts[part * 2 * channels + c];
          parts[channels + c] += parts[(part * 2 + 1) * channels + c];
        }
      work(first, end, parts);
    });
  }

  // The averages over so many elements of a channel: of dz, and of dz d s^2.
  void average(index first, index end, const double* sums, double count, T* averages) const {
    const index channels = tiles.channels;
    for (index c = first; c < end; ++c) {
      const double inverse_std = Centre<T>(statistics, channels, c).inverse_std;
      averages[c] = T(sums[c] / count);
      averages[channels + c] = T(sums[channels + c] * inverse_std * inverse_std / count);
    }
  }

  // Adds the arrays of apply() but for the averages.
  Operands with_applied(Operands operands, const T* gamma, T* dx) const {
    return operands.rows_read(dout, tiles.elements())
        .rows_read(x, tiles.elements())
        .rows_read(y, tiles.elements())
        .rows_read_all(gamma, tiles.channels)
        .rows_read_all(statistics, 3 * tiles.channels)
        .rows_write(dx, tiles.elements());
  }

  // How many numbers apply() needs for each of a tile's channels.
  static constexpr index of_apply = 3;

  // dx = dz scale + ((x - mean) slope + shift)
  void apply(index begin, index end, const T* gamma, const T* averages, T* dx, T* scales) const {
    struct Values {
      T mean, scale, slope, shift;
    };
    T *slopes = scales + tiles.tile_channels, *shifts = slopes + tiles.tile_channels;
    tiles.each_of_samples(begin, end, [&](const ChannelTile& tile) {
      const index first = tile.channel;
      for (index c = 0; c < tile.channels; ++c) {
        const Centre<T> centre(statistics, tiles.channels, first + c);
        scales[c] = gamma[first + c] * centre.inverse_std;
        slopes[c] = -(scales[c] * averages[tiles.channels + first + c]);
        shifts[c] = -(scales[c] * averages[first + c]) - centre.lost * slopes[c];
      }
      const auto load = [=, means = statistics](index c) {
        return Values{means[c], scales[c - first], slopes[c - first], shifts[c - first]};
      };
      tiles.each(tile, load, [f = f, dout = dout, x = x, y = y, dx](Values of, index i) {
        dx[i] = f.backward(dout[i], y[i]) * of.scale + ((x[i] - of.mean) * of.slope + of.shift);
      });
    });
  }
};

template <class F, class T>
struct BatchNormBackward {
  BatchNormSlopes<F, T> of;
  const T* gamma;
  T *dx, *dgamma, *dbeta;

  bool pays() const { return of.tiles.elements() >= parallel_normalized; }

  // Shared are the averages, in as much memory as doubles take, so that the sums after them lie as they do without.
  index averages_bytes() const { return 2 * of.tiles.channels * index(sizeof(double)); }
  Scratch scratch() const {
    return {averages_bytes() + of.scratch_of_sums(), of.of_apply * of.tiles.tile_channels * index(sizeof(T))};
  }

  index rows() const { return of.tiles.samples; }
  Operands operands() const {
    const index size = of.tiles.elements(), channels = of.tiles.channels;
    const Operands prepared = Operands()
                                  .prepare_reads(of.dout, size)
                                  .prepare_reads(of.x, size)
                                  .prepare_reads(of.y, size)
                                  .prepare_reads(of.statistics, 3 * channels)
                                  .prepare_writes(dgamma, channels)
                                  .prepare_writes(dbeta, channels);
    return of.with_applied(prepared, gamma, dx);
  }

  bool prepares() const { return true; }
  void prepare(const Team& team, Memory memory) const {
    const index channels = of.tiles.channels;
    T* averages = reinterpret_cast<T*>(memory.shared);
    of.sum(team, memory.shared + averages_bytes(), [&](index first, index end, const double* sums) {
      of.average(first, end, sums, double(of.tiles.samples * of.tiles.size), averages);
      for (index c = first; c < end; ++c) {
        dbeta[c] = T(sums[c]);
        dgamma[c] = T(sums[channels + c] * double(Centre<T>(of.statistics, channels, c).inverse_std));
      }
    });
  }

  void on_rows(index begin, index end, Memory memory) const {
    of.apply(begin, end, gamma, reinterpret_cast<const T*>(memory.shared), dx, reinterpret_cast<T*>(memory.own));
  }
};

}  // namespace FASTDL_LEVEL
