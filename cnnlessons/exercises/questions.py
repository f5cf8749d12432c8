"""Questions for coming back to: about four a lesson, each wrong answer with its why. `recall` asks them.

Each begins with its name, which begins with its lesson. Below stand the right answer, after a "+", or after a "=" what
works it out if it is a number, so that it cannot go stale; and the wrong answers, each after a "-". What is said to
whoever gives an answer follows after a "|". A line that goes on stands further to the right.
"""

import re
from typing import NamedTuple

import numpy as np

from cnnlessons import exercises, ops


class Question(NamedTuple):
    name: str
    asks: str
    answer: str | float  # a text to choose, or a number
    why: str
    wrong: dict[str | float, str]  # each with what to say to whoever chose it

    @property
    def lesson(self) -> int:
        return int(self.name[:2])

    @property
    def choices(self) -> list[str]:
        """The texts to choose from, always in the same order; none where a number is asked."""
        if not isinstance(self.answer, str):
            return []
        texts = [self.answer, *self.wrong]
        order = np.random.default_rng(list(self.name.encode())).permutation(len(texts))
        return [texts[place] for place in order]


def _read(text):
    solutions = [exercises._find(name).solution for name in exercises.names()]
    known = {"np": np, "ops": ops} | {solution.__name__: solution for solution in solutions}
    for block in text.strip().split("\n\n"):
        asked, *answers = (" ".join(part.split()) for part in re.split(r"\n {4}(?=[=+-] )", block))
        a_number = answers[0].startswith("=")
        told = [each[2:].split(" | ") for each in answers]
        (answer, why), *wrong = [(float(eval(each, known)) if a_number else each, why) for each, why in told]
        yield Question(*asked.split(": ", 1), answer, why, dict(wrong))


QUESTIONS = tuple(
    _read("""
01.places: A kernel of 3×5 stays inside an image of 10×12 pixels. How many numbers has the feature map?
    = ops.cross_correlate(np.ones((10, 12)), np.ones((3, 5))).size |
        It fits 10 - 3 + 1 = 8 times downwards and 12 - 5 + 1 = 8 times to the right.
    - 49 | One place is missing along each axis: a kernel of 3 rows fits into 10 rows 10 - 3 + 1 times.
    - 120 | So many pixels has the image. Without padding the kernel has fewer places.
    - 15 | So many weights has the kernel. There is a number for each place where it fits.

01.bytes: Two pixels, 200 and 100, are bytes (uint8). What does NumPy give for their sum?
    = (np.array([200], np.uint8) + np.array([100], np.uint8)).item() |
        A byte ends at 255 and goes on at 0: 300 - 256. Sum photographs in a wider type.
    - 300 | That is the sum of the numbers, but a byte cannot hold it.
    - 255 | Bytes are not cut off at 255: they go on at 0.

01.one_pixel: An image is 0 everywhere but for one pixel of 1. You cross-correlate it with a kernel. What do you see?
    + the kernel, turned by 180° |
        The last weight of the kernel meets the pixel first. Only convolution, which turns it, shows it as it is.
    - the kernel, as it is | That is what convolution gives: it turns the kernel first.
    - the kernel, mirrored left to right | Rows are reversed, too: a turn, not a mirror image.
    - one pixel, times the sum of the weights | Each weight meets the pixel at a place of its own.

01.search: You cross-correlate with the picture of a coin, and a white wall gets more than the coin. Why?
    + The sum grows with brightness, whatever the pattern |
        So look for a pattern with a normalised comparison: take the mean away and divide by the contrast.
    - The kernel should have been turned by 180° | A turned kernel has the same sum: the wall still gets more.
    - The kernel was too small | A larger one adds up more of the wall's brightness, too.
    - The bytes overflowed | Overflow makes large sums small. The wall wins in floats as well.

02.places: A row of 28 pixels, a kernel 5 wide, stride 2, no padding. How many places are there?
    = output_size(28, 5, 2, 0, 1) |
        It can move by 28 - 5 = 23 pixels: 11 whole steps of 2, and the place before the first step.
    - 11 | So many steps. The place before the first step counts, too.
    - 14 | That is what padding "same" gives: 28 / 2.
    - 24 | That is stride 1.

02.weights: 10 filters of 5×5 look at a colour photograph, each with a bias. How many numbers are there to learn?
    = 5 * 5 * 3 * 10 + 10 | A filter has 5 · 5 weights for each of three channels, and one bias: 76 numbers.
    - 750 | The biases are missing: one for each filter.
    - 260 | A filter has weights of its own for each of the three channels.
    - 780 | A filter has one bias, not one for each channel.

02.same: A row of 10 pixels, a kernel 3 wide, stride 2, padding "same". How many zeros go before the first pixel?
    = same_padding(10, 3, 2)[0] |
        Five places with stride 2 need 4 · 2 + 3 = 11 pixels: one zero, and an odd one goes to the end.
    - 1 | One zero is needed in all, and "same" puts it at the end.
    - 2 | With stride 2 one zero is enough for both ends together.

02.field: Three layers of 3×3; the first two have stride 2. How many pixels wide is what one number sees?
    = receptive_field([(3, 2), (3, 2), (3, 1)]) |
        1, then + 2 · 1, + 2 · 2, + 2 · 4: a stride is felt by the layers after it.
    - 7 | That is without strides. After a stride of 2 neighbours lie two pixels apart.
    - 11 | The second stride counts for the third layer, too: its neighbours lie four pixels apart.
    - 9 | Windows overlap: a layer adds two neighbours, which lie as far apart as the strides before say.

03.weight: The gradient of one weight of a kernel is a sum. Over what?
    + All places: the gradient of the output times the pixel that the weight met there |
        The same weight serves every place, so all of them have a say.
    - The pixels of one window, times the weights | That is the way forward: it gives one output.
    - All weights of the kernel | Each weight has a gradient of its own; the others do not enter.
    - Nothing: it is one product | So it is in a dense layer. Here the weight is used again at every place.

03.pixel: A kernel 1 2 3 / 4 5 6 / 7 8 9 had four places on a 4×4 image; each output's gradient is 1. What is the
        gradient of the pixel in row 1, column 1 (from 0)?
    = grad_image(np.ones((2, 2)), np.arange(1, 10).reshape(3, 3))[1, 1] |
        It lay under four windows, each time below another weight: 5, 4, 2 and 1.
    - 45 | No pixel meets all nine weights here: there are four places only.
    - 5 | That is the first window alone. It lies in all four.
    - 1 | That is the corner pixel, which lies in one window.

03.bias: The gradient of a map is 1 2 3 / 4 5 6. What is the gradient of the bias of its filter?
    = np.arange(1, 7).sum() | The bias is added at every place with the factor 1: a plain sum.
    - 3.5 | That is the mean. Each place adds its share in full.
    - 1 | The bias works at every place, not only at the first.
    - 6 | Six places, but each with the gradient that stands there.

03.check: You compare your gradient with central differences on an image and a kernel of ones. Which mistake gets
        through?
    + A kernel that was not turned |
        Ones look the same however they are turned. Check on numbers that are not symmetric.
    - A factor of 2 | Ones show it at once: every number is twice as large.
    - A forgotten sum over the places | Ones show it: with four places the sum is four times as large.
    - None: equal is equal | Equal on numbers on which turned and unturned are the same.

04.scores: Softmax gives three classes 0.5, 0.25 and 0.25, and the second is the right one. By how much does the loss
        grow per unit of the second score?
    = 0.25 - 1 | Softmax minus one-hot: 0.25 - 1. The loss falls when the right score grows.
    - 0.25 | That is softmax alone: take 1 away at the right class.
    - 0.75 | The size is right. But a larger score for the right class makes the loss smaller.
    - 0.5 | That is the first class, which is wrong here.

04.relu: A ReLU got -3. Behind it the gradient 5 arrives. What does it send back?
    = leaky_relu_backward(np.array(5), np.array(-3), 0) |
        It was closed: a small change of its input changes nothing behind it.
    - 5 | So it would be if the input had been positive. The input decides, not the gradient.
    - -15 | A ReLU multiplies by its slope, which is 0 there, not by its input.
    - -3 | That was the input. What goes back is the gradient times the slope.

04.bend: Two convolutions stand one behind the other with nothing between them. What can they do that one cannot?
    + Nothing, but for the border: they are one larger kernel |
        A sum of sums is a sum. Something that bends, such as a ReLU, must stand between.
    - See corners, as two edges | A corner needs an "and", and sums of sums have none.
    - Learn, as they have more weights | More weights for the same functions: what they can say is the same.
    - Everything: two layers approximate any function | Only with something that bends between them.

04.pushed: A reader of digits does well, and fails when the test images are pushed by one pixel. What helps?
    + Train it on images that are pushed, too |
        A reader knows what it was shown. Change the training images as yours will be changed.
    - More epochs on the same images | It would know the same places still better.
    - A smaller learning rate | It changes how it learns, not what it is shown.
    - Trust the softmax, and leave out what is unsure | Softmax has no answer "none of these".

05.equal: All filters of a layer start equal, and so do the weights behind them. What does training make of them?
    + They stay equal: the layer is one filter, many times |
        Equal weights get equal gradients. It takes something random to separate them.
    - They separate after some epochs | Equal gradients move them alike, in every step.
    - The images separate them | Every filter sees the same images and gets the same gradients.
    - A stride of 2 separates them | All of them take the same steps.

05.he: Which standard deviation has He's start for kernels of 3×3 on 8 channels?
    = np.sqrt(2 / (3 * 3 * 8)) | The variance is 2 / fan_in = 2 / 72, and its root 1/6.
    - 0.0278 | That is the variance: take its root.
    - 0.118 | The 2 is missing, which makes up for the half that ReLU takes away.
    - 0.5 | fan_in counts all weights of a filter: 3 · 3 · 8, not the channels alone.
    - 0.471 | fan_in counts all weights of a filter: 3 · 3 · 8, not one channel's nine.

05.size: Kernels of 5×5 on 4 channels are drawn with standard deviation 0.1. By what factor does the layer multiply the
        size of its input, before any ReLU?
    = 0.1 * np.sqrt(5 * 5 * 4) | The root of the number of weights, 10, times 0.1.
    - 10 | Variances add up, so take the root of 100, not 100 itself.
    - 0.5 | The four channels count, too: 100 weights, not 25.
    - 0.1 | That is one weight. A sum of 100 such products varies more.

05.seeds: Two networks differ in their seed only, and read equally many images. Do they answer the same to each image?
    + No: some images get other answers |
        The start stays in the result. So say what several seeds gave, not what one did.
    - Yes: training ends at the same network | Trained filters can still be told by their start.
    - Yes: the same images lead to the same answers | Equal in number is not equal in each.
    - It cannot be known | It can: compare the two lists of answers.

06.windows: A 5×5 image, a 3×3 kernel, stride 1, no padding. How many numbers are in the matrix of all windows?
    = columns(np.zeros((5, 5)), 3, 1).size | 3 · 3 places, and a row of nine pixels for each.
    - 25 | So many pixels has the image. Windows overlap, so most of them are copied more than once.
    - 225 | That is with padding "same": 25 places.
    - 9 | So many rows. Each holds nine pixels.

06.back: A pixel was copied into four rows of the matrix of windows. What is its gradient?
    + The sum of the four gradients | Each copy had its own effect, so what comes back adds up.
    - The last of the four | Then the other three copies would have had no effect.
    - The mean of the four | A change of the pixel changes all four copies, each by the full amount.
    - The largest of the four | All four copies have an effect, not only one.

06.why: Why is the matrix product so much faster than our loops?
    + A few lines of Python run in place of hundreds of thousands |
        The products are the same, and the copying comes on top. The time went into Python's lines.
    - It needs fewer multiplications | Exactly as many.
    - It needs less memory | More: pixels are copied into every window that holds them.
    - It runs on all cores | Even on one core it is far ahead of the loops.

06.workers: 8 images go through 3 layers of one tick each. Three workers, each at a layer of their own: how many ticks?
    = 8 + 3 - 1 | The first image takes 3 ticks, and then one is ready at every tick.
    - 24 | So many takes one worker.
    - 8 | The first image has to pass all three layers before anything is ready.
    - 9 | That is three workers who each carry whole images: three rounds of three ticks.

07.skip: A block gives y = f(x) + x, and f has the derivative -1 there. What is dy/dx?
    = -1 + 1 | The way around adds 1 to the way through.
    - -1 | That is the way through f alone. The skip adds 1.
    - 1 | That is the skip alone. The way through f adds -1.
    - -2 | The skip adds 1, whatever f does.

07.arrays: Batch normalisation keeps four arrays. How many of them does the optimiser change?
    = 2 | Scale and shift. The moving mean and variance are measured, not learned.
    - 4 | Two of the four are measured while it trains: the moving mean and variance.
    - 0 | Scale and shift are learned like weights.

07.frozen: 8 filters of 5×5 on a grey image, 3 of them frozen. How many of the weights, biases not counted, can change?
    = (8 - 3) * 25 | Five filters of 25 weights.
    - 200 | That is all of them. Frozen filters stay as they are.
    - 75 | That is what stays.
    - 5 | So many filters. Each has 25 weights.

07.graph: In Keras a layer is called with an input that holds no numbers yet. What happens?
    + It notes itself in a graph | The graph says who feeds whom. Numbers run through it later.
    - An error: there is nothing to compute | That is how models with branches and skips are written.
    - It computes with zeros | No number is computed, only shapes.
    - It trains | Training needs images and labels, in `fit`.

08.flat: What does the kernel -1 0 1 / -2 0 2 / -1 0 1 answer to a flat patch of sevens?
    = np.sum(7 * np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])) | Its weights sum to 0, so it does not see brightness.
    - 56 | The weights have signs: what the right side adds the left takes away.
    - 63 | That is the sum of the pixels. Each is weighted.
    - 28 | That is the right side alone.

08.grey: A filter has one place, with weights 1, 1, 0 for red, green, blue. Which share of its energy is grey?
    = grey_share(np.array([1.0, 1, 0]).reshape(1, 1, 3, 1)[..., 0]) |
        Its sum is 2, along a grey of length 1 that is 2/√3. Squared, 4/3 of an energy of 2.
    - 1 | Grey has three equal weights. Blue is missing here.
    - 0 | It answers to grey: its weights do not sum to 0.
    - 0.5 | Energy is a sum of squares: project on grey, then square.

08.noise: Most kernels of a trained layer look like noise. What do you look at first?
    + The same layer before training | Part of what you see is the start. Compare with it before you blame the task.
    - The learning rate | First find out what training changed at all.
    - A larger data set | First find out how much of the noise was there from the beginning.
    - The largest weight | A single weight tells little; other kernels may make nearly the same map.

08.gabor: A Gabor function fits a 3×3 kernel, and a tenth of its energy is left. What does this show?
    + Little: it fits random 3×3 kernels as well |
        So many free numbers fit nine weights of any kind. Give the same test to kernels that never learned.
    - The layer has learned Gabors | Random kernels, which learned nothing, are fitted as well.
    - The fit is wrong, it should leave nothing | Nine weights need not lie on any Gabor.
    - The images contain waves | The fit says nothing about the images.

09.chance: In six pairs of trainings, all six differences have the same sign. How often does chance alone do that?
    = sign_flips(np.ones(6)) | 2 of 64 ways to set the signs: all plus, or all minus.
    - 1 / 64 | All minus is as remarkable as all plus: both count.
    - 1 / 6 | Each sign falls like a coin: six coins, 64 ways.
    - 0.5 | That is one pair.

09.memory: An image has 3 channels. A stem makes 48 maps of the same size. How many times as much memory do they take?
    = 48 / 3 | Per pixel 48 numbers in the place of 3.
    - 48 | The image has three numbers a pixel already.
    - 45 | So many are added. How many times as many are there?
    - 144 | The channels do not multiply the maps: a filter sums over them.

09.noise: Fixed Gabor filters led by some points. On noisy images they fell far behind. Why?
    + A fixed layer cannot turn away from what is faint |
        A filter that answers to little in the image answers mostly to the noise, and nothing can change it.
    - Gabor filters make noise larger than other filters do | It is the faint signal that is lost in it.
    - There were too few of them | More of the same would hear the same noise.
    - They had not been trained for long enough | Fixed filters are not trained at all.

09.choice: The images to come may have any kind of noise. Which first layer do you take?
    + One that learns, tested on the images that you fear |
        Given kernels are worth a few points on images like yours, and cost far more than that in noise.
    - Fixed Gabors | They fell behind most where the images changed.
    - Random and fixed | What is fixed cannot turn away from what is faint.
    - The one that won by one seed | One seed is one draw: take ten.

10.fewest: Three channels, kernels of 5×5, stride 3, no ReLU. From how many filters on is nothing of the image lost?
    = fewest_filters(3, (3, 3)) // 2 |
        At each step there are 3 · 3 · 3 new numbers. The size of the kernel does not enter.
    - 75 | So many weights has a filter. Windows overlap, so most of these pixels are seen again.
    - 9 | The channels count, too.
    - 54 | So many are needed with ReLU, in pairs of opposites.

10.patch: Eight random filters of 3×3 look at one grey patch. How many of its nine numbers cannot be found out?
    = 9 - np.linalg.matrix_rank(np.random.default_rng(0).normal(size=(9, 8))) |
        Eight answers are eight equations for nine unknowns.
    - 0 | Nine unknowns need nine equations.
    - 8 | So many can be found out.
    - 9 | Each answer says something: together eight numbers.

10.image: Eight 3×3 filters turn the nine numbers of a patch into eight. With stride 1, what do they lose of a grey
        image?
    + Nothing, as a rule: patches overlap |
        At each step there is one new pixel, and there are eight answers to find it by.
    - A ninth | So it is for a single patch. The next patch holds eight of its pixels again.
    - Eight ninths | There are eight times as many numbers as pixels.
    - The border alone | The border pixels lie in windows, too.

10.silent: Some filters are 0 behind the ReLU at nearly all places of a photograph. Where does it mostly come from?
    + From brightness: the weights do not sum to 0 |
        A negative sum times a bright patch closes the ReLU. Weights that sum to 0 cure it, but lose flat grey.
    - From kernels that are too large | The size of the kernel is not what closes the ReLU.
    - From a stride that is too long | A stride leaves places out; it makes none 0.
    - From too few images | The filters were random: nothing was learned.

11.pair: Two 3×3 convolutions, stride 1, with nothing between. How wide is the one kernel that does the same?
    = receptive_field([(3, 1), (3, 1)]) | 3, and one pixel more on each side.
    - 6 | Neighbouring windows overlap: the second adds two pixels, not three.
    - 9 | Widths do not multiply.
    - 3 | The second kernel reads neighbours, and these see further.

11.weights: Two 3×3 convolutions with 16 filters each on a colour image. How many weights, biases not counted?
    = 9 * 3 * 16 + 9 * 16 * 16 | The first reads 3 channels, 432 weights; the second reads 16 maps, 2304.
    - 864 | The second one reads 16 maps, not three channels.
    - 2304 | That is the second alone.
    - 288 | Each filter has weights for every channel that it reads.

11.noise: Your images are noisy. Which first layer does the lesson advise?
    + A pair without ReLU between, or one 7×7 |
        In noise the ReLU inside the pair cost points wherever that could be resolved.
    - Two 3×3 with ReLU between | The best on clean images; in noise this ReLU costs.
    - 2×2 patches | The cheapest, and behind the pair on three of four sets.
    - A deeper chain of 3×3 with ReLUs | More of what costs in noise.

11.own: How do you decide between one 3×3 and the dearer pair for images of your own?
    + Train both with six seeds, and take the pair if it is shown to be better |
        One seed is a draw. The dearer one has to earn its price.
    - Take what won on MNIST | In colour the ranking was another one than on digits.
    - Count the weights | More weights are dearer, not better.
    - Train each once | One seed is one draw, and may favour either.

12.guided: A ReLU got 3, and the gradient -2 arrives. What does guided backprop let back?
    = guided_relu(np.array(-2), np.array(3)) | It asks for both: an open ReLU and a positive gradient.
    - -2 | That is the true gradient: the ReLU was open. Guided backprop stops what is negative.
    - 3 | That was the input. What goes back is a gradient, or nothing.
    - 2 | Negative gradients are stopped, not turned.

12.trust: A map marks the cat's face. What do you do before you believe it?
    + Make it again for a network with random weights |
        A map that looks the same for a network that knows nothing says nothing about what was learned.
    - Ask whether it looks right | Maps of untrained networks look right, too.
    - Smooth it | It looks better, and shows no more.
    - Take the sharpest recipe | The sharpest one follows edges, trained or not.

12.forgets: Which recipe forgets where the ReLUs were closed?
    + deconvnet | It lets back whatever is positive, so two images with other closed places can get the same map.
    - the gradient | It stops exactly where the ReLU was closed.
    - guided backprop | It asks for both: positive, and open.
    - occlusion | It covers the image and runs forward; nothing is sent back.

12.ranks: Two maps, 1 2 3 4 and -10 20 30 -40. How alike are they by the ranks of their sizes?
    = rank_agreement(np.array([1, 2, 3, 4]), np.array([-10, 20, 30, -40])) |
        Sizes first: 10 20 30 40 stand in the same order.
    - -0.2 | Take the sizes first: a map says how much a pixel matters.
    - 0 | Without signs the order is the same.
    - -1 | Without signs the order is the same, not the opposite.

13.fall: A score is a sum of three pixels with weights 1, -2 and 3. Each may move by 0.1. How far can it fall?
    = 0.1 * np.abs([1, -2, 3]).sum() | Each pixel moves against the sign of its weight, so the sizes add up.
    - 0.2 | That is all pixels moved the same way. Each can move in its own direction.
    - 0.3 | That is the third pixel alone. The small ones help.
    - 0.374 | That is a change of length 0.1 in all. Here each pixel may move by 0.1.

13.clip: A pixel is 0.95, ε is 0.1, the gradient is positive. Where is it after one step of 0.2?
    = attack_step(np.array(0.95), np.array(0.95), np.array(1), 0.2, 0.1) |
        0.95 + 0.2 is too far from the image, 1.05 is no pixel: it ends at 1.
    - 1.15 | It may move by ε at most, and must stay between 0 and 1.
    - 1.05 | Near enough, but no pixel is brighter than 1.
    - 0.75 | The attack goes up the gradient, to make the loss larger.

13.blind: One step of attack leaves 98 %, and the gradient is exactly 0 for most images. What has been shown?
    + Nothing yet: the attack is blind |
        Without a gradient the attack knows no direction. Take another loss, or a way around the rounding.
    - The network is robust | It hides its gradient. Another attack may find what is left.
    - Images cannot be changed so little | Ask an attack that sees.
    - ε is too large | A larger ε helps the attacker, not the network.

13.left: Three sound attacks leave 50, 7 and 30 % of a network's answers right. How many percent may be claimed?
    = 100 * believed(0, 0, [0.5, 0.07, 0.3]) | At most the smallest: an attacker takes what works best.
    - 50 | That is the weakest attack.
    - 29 | An attacker does not take the mean.
    - 30 | There is an attack that leaves less.

14.removed: A cue is taken off all training images. What becomes of the weight that only the cue met, without decay?
    + It stays, to the last bit | Its gradient is the error times 0.
    - It falls to 0 by itself | Nothing pulls at it: its gradient is exactly 0.
    - It shrinks a little in every step | That is decay. Without it nothing moves it.
    - It changes its sign | No image says that the cue misleads.

14.follows: Ten images bear marks, two of them of their own class. Of the other eight, four are answered as the mark
        says. How many percent follow?
    = 100 * follows(np.repeat([1, 2], [6, 4]), np.ones(10), np.repeat([1, 2], [2, 8])) |
        Only where mark and class differ can one tell: 4 of 8.
    - 60 | Two of these six are of the mark's class: there nobody can tell.
    - 40 | Divide by those that count, not by all.

14.wire: y = w₃ · w₂ · w₁ · x, with x = 2 and w₃ = 3. The wire is cut, w₂ = 0, but has a shortcut around it. How much is
        dy/dw₁?
    = 3 * (1 + 0) * 2 | With a shortcut a weight passes on 1 + w₂ times what it gets.
    - 0 | So it would be without the shortcut.
    - 3 | w₁ is multiplied with x, so its gradient is, too.

14.worth: Without help 100 images reach 80 % and 400 reach 90 %. A help reaches 85 % with 100. How many times the images
        is it worth, read on a logarithm?
    = worth(np.array([100, 400]), np.array([80, 90]), 100, 85) | Half way from 100 to 400 on a logarithm is 200.
    - 2.5 | That is half way in images, not on the logarithm.
    - 200 | These are the images. Divide by those that the help had.
    - 5 | These are the points gained.

15.exam: The exam says 71 %. You mend the network after its mistakes, and the same exam says 78 %. How good is it?
    + Not known: it needs new exam images | What was mended after these images is flattered by them.
    - 78 % | These images chose the mending, so they flatter it.
    - 71 % | That is the old network.
    - 74.5 %, the mean | Two numbers of two networks, and the second is flattered.

15.standard_error: Six tries redraw the same images, 30 judged for 90 learned from. How many times as long is the
        interval?
    = standard_error(np.arange(6.0), 30, 90) / standard_error(np.arange(6.0), 0, 90) |
        √(1/6 + 30/90) over √(1/6) is √3: the tries are alike.
    - 1 | That would be right if the tries had nothing in common.
    - 3 | The squared lengths are 3 to 1. Take the root.
    - 1.15 | That is 1 + 30/90 under the root. It is 1/n + 30/90, and n is six.

15.images: 80 % of 100 exam images are right, 72 to 88. How many images give an interval half as long?
    = exam_images(0.8, 0.04) | Half the reach takes four times as many.
    - 200 | The interval goes with the root of the number: twice as many make it 1.4 times shorter.
    - 160 | It is four times as many, not twice as many right ones.
    - 1600 | That is a quarter of the reach.

15.noise: An attack leaves 30 % right. Which number must stand beside it?
    + What noise of the same size leaves | Otherwise nobody can say whether the direction did it or the size.
    - What a larger attack leaves | That says nothing of chance.
    - The loss on training images | They were not attacked.
    - The number of weights | It does not tell an attack from noise.
""")
)
