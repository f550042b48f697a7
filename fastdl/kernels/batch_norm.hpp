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

template <class F, class T>
void normalize(F f, const Team& team, const ChannelTiles& tiles, const T* x, const T* gamma, const T* beta,
               const T* statistics, T* y) {
  struct Values {
    Centre<T> centre;
    T scale, shift;
  };
  const auto load = [=](index c) {
    const Centre<T> centre(statistics, tiles.channels, c);
    return Values{centre, gamma[c] * centre.inverse_std, beta[c]};
  };
  tiles.share(team, [&](const ChannelTile& tile) {
    tiles.each(tile, load, [=](Values of, index i) {
      y[i] = f.forward(of.centre.centred(x[i]) * of.scale + of.shift);
    });
  });
}

// Mean and variance of each channel. Each part of a channel has its mean and its squares around that, while the part is
// in the cache; they are combined in the order of the parts (Chan, Golub and LeVeque 1979).
template <class T>
struct BatchStatistics {
  ChannelTiles tiles;
  const T* x;
  double eps;
  Running<T> running;
  T* statistics;

  Scratch scratch() const {
    return {(tiles.scratch_lead() + tiles.parts() * 2 * tiles.channels) * index(sizeof(double)), 0};
  }

  void operator()(const Team& team, Memory memory) const {
    double* scratch = reinterpret_cast<double*>(memory.shared) + tiles.scratch_lead();
    tiles.share(team, [&](const ChannelTile& tile) { measure(tile, scratch); });
    team.barrier();
    tiles.share_channels(team, [&](index first, index end) { combine(first, end, scratch); });
  }

  void measure(const ChannelTile& tile, double* scratch) const {
    double* mean = scratch + tile.part * 2 * tiles.channels + tile.channel;
    double* squares = mean + tiles.channels;
    const T* data = x;
    tiles.template sum<1>(tile, mean, [](index) { return 0; },
                          [=](int, index i, double (&s)[1]) { s[0] += data[i]; });
    const double count = double(tile.samples * tile.count);
    for (index c = 0; c < tile.channels; ++c) mean[c] /= count;
    const double* centre = mean - tile.channel;
    tiles.template sum<1>(tile, squares, [=](index c) { return centre[c]; },
                          [=](double middle, index i, double (&s)[1]) {
                            const double d = data[i] - middle;
                            s[0] += d * d;
                          });
  }

  void combine(index first, index end, double* scratch) const {
    const index channels = tiles.channels;
    double* mean = scratch;
    double* squares = scratch + channels;
    double count = double(tiles.part_samples(0) * tiles.part_size(0));
    for (index part = 1; part < tiles.parts(); ++part) {
      const double* mean_of_part = scratch + part * 2 * channels;
      const double* squares_of_part = mean_of_part + channels;
      const double more = double(tiles.part_samples(part) * tiles.part_size(part)), share = more / (count + more);
#pragma GCC ivdep
      for (index c = first; c < end; ++c) {
        const double d = mean_of_part[c] - mean[c];
        mean[c] += d * share;
        squares[c] += squares_of_part[c] + d * d * (count * share);
      }
      count += more;
    }
    for (index c = first; c < end; ++c) Centre<T>::store(mean[c], squares[c] / count, eps, statistics, channels, c);
    if (!running.mean) return;
    for (index c = first; c < end; ++c) running.update(c, mean[c], squares[c] / count);
  }
};

template <class F, class T>
struct BatchNormForward {
  F f;
  BatchStatistics<T> batch;
  const T *gamma, *beta;
  T* y;

  bool pays() const { return batch.tiles.elements() >= parallel_normalized; }
  Scratch scratch() const { return batch.scratch(); }

  void operator()(const Team& team, Memory memory) const {
    batch(team, memory);
    team.barrier();
    normalize(f, team, batch.tiles, batch.x, gamma, beta, batch.statistics, y);
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
  Scratch scratch() const { return {3 * tiles.channels * index(sizeof(T)), 0}; }

  void operator()(const Team& team, Memory memory) const {
    T* statistics = reinterpret_cast<T*>(memory.shared);
    tiles.share_channels(team, [&](index first, index end) {
      for (index c = first; c < end; ++c) Centre<T>::store(mean[c], variance[c], eps, statistics, tiles.channels, c);
    });
    team.barrier();
    normalize(f, team, tiles, x, gamma, beta, statistics, y);
  }
};

// With d = x - mean, s = 1 / sqrt(variance + eps), dz = dout f'(y) and n elements of a channel:
// dbeta = sum dz, dgamma = s sum dz d, dx = gamma s (dz - dbeta / n - d s dgamma / n).
template <class F, class T>
struct BatchNormBackward {
  F f;
  ChannelTiles tiles;
  const T *dout, *x, *gamma, *statistics, *y;
  T *dx, *dgamma, *dbeta;

  bool pays() const { return tiles.elements() >= parallel_normalized; }
  Scratch scratch() const {
    return {(tiles.scratch_lead() + (tiles.parts() + 1) * 2 * tiles.channels) * index(sizeof(double)), 0};
  }

  void operator()(const Team& team, Memory memory) const {
    const index channels = tiles.channels;
    double* scratch = reinterpret_cast<double*>(memory.shared) + tiles.scratch_lead();
    double* parts = scratch + 2 * channels;
    tiles.share(team, [&](const ChannelTile& tile) {
      tiles.template sum<2>(
          tile, parts + tile.part * 2 * channels + tile.channel,
          [statistics = statistics, channels](index c) { return Centre<T>(statistics, channels, c); },
          [f = f, dout = dout, x = x, y = y](const Centre<T>& centre, index i, double (&s)[2]) {
            const T dz = f.backward(dout[i], y[i]);
            s[0] += dz;
            s[1] += double(dz) * double(centre.centred(x[i]));
          });
    });
    team.barrier();
    T* averages = reinterpret_cast<T*>(scratch);
    tiles.share_channels(team, [&](index first, index end) { combine(first, end, parts, averages); });
    team.barrier();
    differentiate(team, averages);
  }

  void combine(index first, index end, double* parts, T* averages) const {
    const index channels = tiles.channels;
    double* sum = parts;
    double* sum_with_d = parts + channels;
    for (index part = 1; part < tiles.parts(); ++part)
#pragma GCC ivdep
      for (index c = first; c < end; ++c) {
        sum[c] += parts[part * 2 * channels + c];
        sum_with_d[c] += parts[(part * 2 + 1) * channels + c];
      }
    const double count = double(tiles.samples * tiles.size);
    for (index c = first; c < end; ++c) {
      const double inverse_std = Centre<T>(statistics, channels, c).inverse_std;
      dbeta[c] = T(sum[c]);
      dgamma[c] = T(sum_with_d[c] * inverse_std);
      averages[c] = T(sum[c] / count);
      averages[channels + c] = T(sum_with_d[c] * inverse_std * inverse_std / count);
    }
  }

  void differentiate(const Team& team, const T* averages) const {
    struct Values {
      Centre<T> centre;
      T scale, average, slope;
    };
    const auto load = [gamma = gamma, statistics = statistics, averages, channels = tiles.channels](index c) {
      const Centre<T> centre(statistics, channels, c);
      return Values{centre, gamma[c] * centre.inverse_std, averages[c], averages[channels + c]};
    };
    tiles.share(team, [&](const ChannelTile& tile) {
      tiles.each(tile, load, [f = f, dout = dout, x = x, y = y, dx = dx](Values of, index i) {
        const T dz = f.backward(dout[i], y[i]);
        dx[i] = of.scale * (dz - (of.average + of.slope * of.centre.centred(x[i])));
      });
    });
  }
};

}  // namespace FASTDL_LEVEL
