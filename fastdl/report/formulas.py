"""The formulas of each technique, in the notation of ``mathml.py``; the same in every language."""

from __future__ import annotations

from collections.abc import Mapping

#: The lines of each experiment's formula.
FORMULAS: Mapping[str, tuple[str, ...]] = {
    "gradient_descent": (
        r"W ← W − η \frac{∂L}{∂W}",
        r"\frac{∂L}{∂W} ≈ \frac{1}{B} ∑_{i=1}^B \frac{∂ℓ_i}{∂W}",
    ),
    "anisotropy": (
        r"f(x, y) = \frac{1}{20} x^2 + y^2",
        r"−∇f = (−\frac{x}{10}, −2y)",
    ),
    "momentum": (
        r"v ← αv − η \frac{∂L}{∂W}",
        r"W ← W + v",
    ),
    "nesterov": (
        r"v ← αv − η ∇L(W + αv)",
        r"W ← W + v",
    ),
    "adagrad": (
        r"h ← h + \frac{∂L}{∂W} ∘ \frac{∂L}{∂W}",
        r"W ← W − η \frac{1}{\sqrt{h} + ε} ∘ \frac{∂L}{∂W}",
    ),
    "rmsprop": (
        r"h ← ρh + (1 − ρ) \frac{∂L}{∂W} ∘ \frac{∂L}{∂W}",
        r"W ← W − η \frac{1}{\sqrt{h} + ε} ∘ \frac{∂L}{∂W}",
    ),
    "adam": (
        r"m ← β_1 m + (1 − β_1) g",
        r"v ← β_2 v + (1 − β_2) g ∘ g",
        r"W ← W − η \frac{\sqrt{1 − β_2^t}}{1 − β_1^t} \frac{m}{\sqrt{v} + ε}",
    ),
    "family": (
        r"\text{Adadelta}: W ← W − \frac{\sqrt{u + ε}}{\sqrt{v + ε}} g",
        r"\text{Adamax}: u ← \text{max}(β_2 u, |g|)",
        r"\text{Nadam}: \hat{m} = β_1 m + (1 − β_1) g",
        r"\text{AdamW}: W ← (1 − ηλ) W",
        r"\text{Ftrl}: W = −\frac{z}{\sqrt{n} / η}",
    ),
    "learning_rate_decay": (
        r"η_t = η_0 γ^{⌊t/k⌋}, η_0 e^{−kt}, \frac{η_0}{1 + kt}",
        r"η_t = \frac{η_0}{2} (1 + \text{cos} \frac{πt}{T})",
        r"η_t = η_0 \text{min}(1, \frac{t}{k})",
    ),
    "hard_surfaces": (
        r"\text{saddle}: x^2 − \frac{y^2}{20} + \frac{y^4}{160}",
        r"\text{Beale}: ∑_{i=1}^3 (c_i − x + x y^i)^2",
        r"c = (1.5, 2.25, 2.625)",
    ),
    "optimizers": (r"L = −\frac{1}{B} ∑_{i=1}^B \text{log} \frac{e^{z_{i,t_i}}}{∑_k e^{z_{i,k}}}",),
    "zero_weights": (
        r"W_{ij} = c \text{ for all } i, j",
        r"⇒ \frac{∂L}{∂W_{ij}} = \frac{∂L}{∂W_{ik}} \text{ for all } j, k",
    ),
    "activations": (
        r"h_{l+1} = φ(h_l W_l)",
        r"σ(x) = \frac{1}{1 + e^{−x}}, σ′ = σ(1 − σ) ≤ \frac{1}{4}",
    ),
    "initial_weights": (
        r"\text{Xavier}: W ∼ N(0, \frac{1}{n})",
        r"\text{He}: W ∼ N(0, \frac{2}{n})",
    ),
    "vanishing_gradients": (r"\frac{∂L}{∂h_l} = ( \frac{∂L}{∂h_{l+1}} ∘ φ′ ) W_l^⊤",),
    "batch_norm": (
        r"μ = \frac{1}{m} ∑_{i=1}^m x_i, σ^2 = \frac{1}{m} ∑_{i=1}^m (x_i − μ)^2",
        r"\hat{x}_i = \frac{x_i − μ}{\sqrt{σ^2 + ε}}",
        r"y_i = γ\hat{x}_i + β",
    ),
    "gradient_check": (r"\frac{∂L}{∂w} ≈ \frac{L(w + h) − L(w − h)}{2h}",),
    "overfitting": (r"\text{gap} = \text{accuracy}_{\text{train}} − \text{accuracy}_{\text{test}}",),
    "weight_decay": (
        r"L ← L + \frac{λ}{2} ‖W‖^2",
        r"\frac{∂L}{∂W} ← \frac{∂L}{∂W} + λW",
    ),
    "dropout": (
        r"\text{training}: y = r ∘ x, r_i ∼ \text{Bernoulli}(1 − p)",
        r"\text{testing}: y = (1 − p) x",
    ),
    "ensemble": (r"\bar{y} = \frac{1}{K} ∑_{k=1}^K y_k",),
    "data_split": (r"E[\text{max}_k a_k] ≥ \text{max}_k E[a_k]",),
    "random_search": (
        r"λ = 10^u, u ∼ U(−8, −4)",
        r"η = 10^u, u ∼ U(−6, −2)",
    ),
    "narrowing": (r"[a, b] ← [\text{min}_{i ∈ \text{best}} u_i, \text{max}_{i ∈ \text{best}} u_i]",),
    "bayesian_search": (
        r"x_{n+1} = \text{argmax}_x \text{EI}(x)",
        r"\text{EI}(x) = E[\text{max}(0, f(x) − f_{\text{best}})]",
    ),
}
