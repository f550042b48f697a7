"""The page in English."""

from __future__ import annotations

from collections.abc import Mapping

from fastdl.report.texts import Technique, Words

WORDS = Words(
    title="Techniques for learning",
    lede=(
        "Chapter 6 of “Deep Learning from Scratch” makes some two dozen claims about how neural networks learn. Here "
        "each "
        "one is put to the test: the idea, the formula, the figure and the numbers of one run of fastdl on one machine."
    ),
    skip="Skip to the text",
    contents="Contents",
    theme="Light or dark",
    run="This run",
    data="Data",
    seed="Seed",
    threads="Threads",
    machine="Machine",
    versions="Versions",
    date="Date",
    duration="Duration",
    seconds="{:.0f} s",
    under_a_second="less than a second",
    summary="{held} of {total} claims held",
    summary_failed="{failed} could not be run",
    summary_faster="{:.1f} times faster than plain NumPy in the median",
    overview="At a glance",
    overview_note="Times are how many times faster fastdl did the technique’s work than plain NumPy.",
    technique="Technique",
    formula="Formula",
    claim="Claim",
    numbers="Numbers",
    speed="Speed",
    holds="holds",
    does_not_hold="does not hold",
    failed="could not be run",
    failed_text="The experiment stopped with an error:",
    faster="{:.1f} times faster than plain NumPy",
    slower="{:.2f} times as fast as plain NumPy",
    speed_note="What is timed: {work}. The experiment itself took {seconds}.",
    figure="Figure: {title}",
    enlarge="Enlarge",
    close="Close",
    milliseconds="{:.2f} ms",
    microseconds="{:.0f} µs",
    colophon=(
        "Both sides of each timing are float32, take turns on the same machine and start from the same weights; "
        "the shown time is the median of the best turn."
    ),
    work={
        "step": "a training step of the network {network} with {optimizer}, {batch} images",
        "gradient": "all gradients of the network {network} by backpropagation, {batch} images",
        "forward": "{batch} images through the network {network}",
        "batch_norm": "batch normalization forward and backward, {batch} images, {units} units",
        "dropout": "dropout forward and backward, {batch} images, {units} units",
    },
    groups={
        "updating": "Updating parameters",
        "weights": "Initial weights",
        "normalization": "Batch normalization",
        "overfitting": "Overfitting",
        "hyperparameters": "Hyper-parameters",
    },
    group_ideas={
        "updating": (
            "Learning means finding parameters at which the loss is small. The gradient says where the loss falls at "
            "one "
            "point; the methods of this section differ in what they make of it."
        ),
        "weights": (
            "Where learning starts decides whether it gets anywhere. What counts is how the activations, and with them "
            "the gradients, are spread over the layers."
        ),
        "normalization": (
            "Instead of hoping that good initial weights spread the activations well, a layer can see to it in every "
            "step."
        ),
        "overfitting": (
            "A network with many parameters can learn a few hundred images by heart. The techniques of this section "
            "make "
            "it do better on images that it has never seen."
        ),
        "hyperparameters": (
            "The number of units, the learning rate and the weight decay are not learned. They have to be searched "
            "for, "
            "on data kept aside for the purpose."
        ),
    },
    race={
        "title": "Race the optimizers",
        "idea": (
            "Choose a surface, then an optimizer, and move its sliders: the paths change at once. Play lets all of "
            "them "
            "start together from the same point."
        ),
        "surface": "Surface",
        "optimizer": "Optimizer to adjust",
        "lr": "Learning rate η",
        "memory_momentum": "Momentum α",
        "memory_nesterov": "Momentum α",
        "memory_rmsprop": "Memory ρ",
        "memory_adam": "Memory β₁",
        "play": "Play",
        "pause": "Pause",
        "reset": "Reset settings",
        "step": "Step",
        "shown": "Shown",
        "value": "f(x, y)",
        "rate": "η",
        "away": "left the figure",
        "plot": "Contours of the surface and the optimizers' paths from the start; the table gives their values.",
        "minimum": "minimum",
        "start": "start",
        "noscript": "The race needs JavaScript. The figures of this section show the same paths.",
        "note": (
            "The page computes these paths itself, with the formulas above; tests compare them with fastdl’s own."
        ),
    },
    films={
        "title": "The races, step by step",
        "idea": (
            "Each optimizer runs with the best of its learning rates. Beside its name: the steps until it had arrived "
            "at the minimum; a dash if it never did."
        ),
        "above": "From above",
        "space": "In space, the height on a logarithmic scale",
        "alt_above": "Contours from above, with the path of each optimizer up to the step chosen below.",
        "alt_space": "The surface in space, with the same paths on it.",
        "play": "Play",
        "pause": "Pause",
        "step": "Step",
        "stuck": "–",
        "shown": "Show",
    },
    surfaces={
        "valley": "The book’s valley, x²/20 + y²",
        "long": "A longer valley, x²/200 + 2y²",
        "turned": "The longer valley, turned by 30°",
        "saddle": "A saddle point, x² − y²/20 + y⁴/160",
        "beale": "Beale’s function",
    },
)

TECHNIQUES: Mapping[str, Technique] = {
    "gradient_descent": Technique(
        "Stochastic gradient descent",
        (
            "Gradient descent takes small steps against the gradient of the loss.",
            "Computed over the whole training set, the gradient is exact and expensive; over a mini-batch it is noisy, "
            "but costs a fraction.",
            "So with the same amount of arithmetic SGD takes many more steps, and their noise averages out.",
        ),
    ),
    "anisotropy": Technique(
        "Why SGD is slow in a long valley",
        (
            "This function is a valley: steep across, almost flat along its floor.",
            "The negative gradient points to the steepest way down, which is across the valley and not to the minimum.",
            "A learning rate small enough for the steep direction is too small for the flat one, so SGD zig-zags.",
        ),
    ),
    "momentum": Technique(
        "Momentum",
        (
            "Momentum keeps a velocity v, to which each gradient adds a push; α, such as 0.9, is its friction.",
            "Pushes to alternating sides cancel, pushes in the same direction add up.",
            "The path looks like a ball’s that rolls down a bowl, and zig-zags less than SGD’s.",
        ),
    ),
    "nesterov": Technique(
        "Nesterov’s momentum",
        (
            "The velocity will carry the parameters to about W + αv whatever the gradient is.",
            "Nesterov’s method therefore takes the gradient there, one step ahead, and not at W.",
            "It notices a rising slope before it has run up it, and overshoots less than Momentum.",
        ),
    ),
    "adagrad": Technique(
        "AdaGrad",
        (
            "AdaGrad gives each parameter a learning rate of its own.",
            "It adds up the squares of the parameter’s gradients in h and divides by the root of the sum: a parameter "
            "that "
            "has moved much moves less from now on.",
            "As the sum only grows, all steps fade to nothing in the long run.",
        ),
    ),
    "rmsprop": Technique(
        "RMSprop",
        (
            "RMSprop repairs what makes AdaGrad fade.",
            "In place of the sum of all squares it keeps a running mean, in which old gradients are forgotten at the "
            "rate ρ.",
            "Where gradients stay alike, its steps stay as long as they were.",
        ),
    ),
    "adam": Technique(
        "Adam",
        (
            "Adam joins the two ideas: a running mean of gradients, like Momentum, divided by the root of a running "
            "mean "
            "of their squares, like RMSprop.",
            "Both means start at 0, and a bias correction makes up for it in the first steps.",
            "Its path is Momentum’s with the swings damped.",
        ),
    ),
    "family": Technique(
        "The rest of the family",
        (
            "Many optimizers change one thing in one of the above.",
            "Adadelta needs no learning rate, Adamax takes the largest gradient in place of their mean square, Nadam "
            "looks ahead like Nesterov, AdamW decays weights outside the gradient, and Ftrl can hold weights at "
            "exactly 0.",
            "The family tree shows which idea each one adds to which.",
        ),
    ),
    "learning_rate_decay": Technique(
        "Learning-rate decay",
        (
            "Large steps make quick progress at first, and keep jumping about the minimum later.",
            "A schedule lowers the learning rate as training goes on: in steps, exponentially, by inverse time or "
            "along a "
            "cosine.",
            "A warm-up does the opposite at the very beginning, until the first gradients have settled.",
        ),
    ),
    "hard_surfaces": Technique(
        "Hard surfaces",
        (
            "A long valley, a saddle point and Beale’s function each bring optimizers into trouble in a way of their "
            "own.",
            "At a saddle the gradient vanishes although there is a way down; an optimizer that enlarges small "
            "gradients "
            "escapes, one that follows them gets stuck.",
            "Scaling each parameter by itself helps where a valley runs along an axis; where it is turned, only "
            "velocity does.",
        ),
    ),
    "optimizers": Technique(
        "Optimizers on images",
        (
            "A surface with two parameters is a picture; a network has tens of thousands.",
            "Here the book’s network with four hidden layers of 100 ReLU units learns images with each optimizer at "
            "its "
            "default settings.",
            "All start from the same weights and see the same mini-batches, so the curves differ by the optimizer "
            "alone.",
        ),
    ),
    "zero_weights": Technique(
        "All weights equal",
        (
            "If all weights of a layer start at 0, or at any one value, its units compute the same thing.",
            "They then receive the same gradient, and stay equal after every step.",
            "However many units the layer has, it learns as much as a single one; random weights break this symmetry.",
        ),
    ),
    "activations": Technique(
        "The spread of activations",
        (
            "A thousand random inputs pass through five layers of 100 units, and the histograms show what comes out of "
            "each layer.",
            "Weights that are too large pile sigmoid’s outputs up at 0 and 1, where its slope vanishes; too small ones "
            "pile them up at one value, so that many units say the same.",
            "Xavier’s and He’s weights keep the spread from layer to layer.",
        ),
    ),
    "initial_weights": Technique(
        "Initial weights and learning",
        (
            "The standard deviation of the initial weights should depend on n, the number of inputs of a unit.",
            "Xavier’s √(1/n) keeps the variance of activations for functions that are linear around 0; He’s √(2/n) "
            "makes up for the half that ReLU sets to 0.",
            "With a fixed 0.01 the signal dies out on its way through the layers, and the network does not learn.",
        ),
    ),
    "vanishing_gradients": Technique(
        "Vanishing and exploding gradients",
        (
            "On its way back the gradient is multiplied by the weights and the activation’s slope of each layer.",
            "Where these products are below 1 on the whole it shrinks with every layer; above 1 it grows.",
            "The norm of the gradient against depth shows it at a glance for each kind of initial weights.",
        ),
    ),
    "batch_norm": Technique(
        "Batch normalization",
        (
            "Batch normalization shifts and scales each unit’s outputs over the mini-batch to mean 0 and variance 1.",
            "Two learned parameters, γ and β, then give the layer back any scale and shift that it needs.",
            "Networks with it learn faster and hardly depend on their initial weights, which here cover 16 scales.",
        ),
    ),
    "gradient_check": Technique(
        "Is the gradient right?",
        (
            "Backpropagation is quick and easy to get wrong.",
            "The definition of the derivative is slow and hard to get wrong: change one parameter a little both ways, "
            "and "
            "look at the loss.",
            "Both are computed here for the parameters of a network with batch normalization, and compared.",
        ),
    ),
    "overfitting": Technique(
        "Overfitting",
        (
            "A network overfits when it learns the training data by heart in place of what they have in common.",
            "It takes many parameters and few data: here six hidden layers of 100 units, and 300 images.",
            "The sign of it is a gap: high accuracy in training, lower in testing.",
        ),
    ),
    "weight_decay": Technique(
        "Weight decay",
        (
            "Overfitting often comes with large weights.",
            "Weight decay adds half of λ times the sum of their squares to the loss, so that each weight is pulled "
            "towards 0 "
            "unless the data hold against it.",
            "The training accuracy suffers a little; the gap to the test accuracy narrows.",
        ),
    ),
    "dropout": Technique(
        "Dropout",
        (
            "Dropout switches off randomly chosen units in each training step, so that no unit can rely on another.",
            "In testing all units work, and outputs are scaled by the share that was kept; fastdl scales in training "
            "instead, which comes to the same.",
            "It is as if many thinned-out networks were trained, and their mean were asked.",
        ),
    ),
    "ensemble": Technique(
        "Ensembles",
        (
            "Networks that are trained apart, from different initial weights, make different mistakes.",
            "The mean of their outputs is right more often than most of them.",
            "Dropout comes near this with the cost of a single network.",
        ),
    ),
    "data_split": Technique(
        "Training, validation and test data",
        (
            "Hyper-parameters are chosen by how well a network does on data that it was not trained on.",
            "If these are the test data, the best of many scores is partly luck, and flatters.",
            "So a part of the training data, after shuffling, is kept for validation, and test data are used once, at "
            "the "
            "end.",
        ),
    ),
    "random_search": Technique(
        "Random search",
        (
            "Good hyper-parameters are looked for by trying random ones, which covers the important ones better than a "
            "grid.",
            "Their order of magnitude matters, so they are drawn on a logarithmic scale.",
            "Each trial is short, since bad ones show themselves early.",
        ),
    ),
    "narrowing": Technique(
        "Narrowing the range",
        (
            "The first search is over a wide range.",
            "The range of its best trials becomes the range of the next search, and so on.",
            "A few stages lead to a small range, out of which a value is picked; a range never grows again, so it may "
            "miss the best.",
        ),
    ),
    "bayesian_search": Technique(
        "Bayesian optimization",
        (
            "Random search forgets what earlier trials have shown.",
            "Bayesian optimization fits a model to them, which says for any setting what to expect and how uncertain "
            "it is.",
            "The next trial is where the expected improvement over the best so far is largest.",
        ),
    ),
}

PHRASES: Mapping[str, str] = {}
