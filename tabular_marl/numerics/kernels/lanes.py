# mypy: allow-untyped-defs, allow-untyped-calls
"""Eight games side by side: a vector of doubles as a numba type, with its exp and log.

A lane is one game. Arithmetic on ``lanes`` compiles to one instruction of an AVX-512 machine and to
two or four of a smaller one; the vectoriser of the compiler, which gives up on short loops over
arrays that might overlap, is not asked. Multiply-add is asked for by name (`fma`) and rounds once;
nothing is reordered.

    exponentials(y) = (eʸ, eʸ − 1)                  for −300 ≤ y ≤ 0; below, as at −300
    log_and_reciprocal(s, s − 1) = (log s, 1/s)     log from s − 1 where s is near one

Exponentials and log are right to 2u, u = 2⁻⁵³, the reciprocal to 4u; the polynomials
are Chebyshev fits to eʳ on |r| ≤ ½ log 2 and to log on [√½, √2], good to 1e-18 and 5e-18.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import extending, njit, types
from numba.core import cgutils
from numba.extending import models, overload, register_model

intrinsic: Any = extending.intrinsic  # to the type checker: what numba makes of it is another thing

#: Games in one vector.
WIDTH = 8

_DOUBLES = ir.VectorType(ir.DoubleType(), WIDTH)
_INTEGERS = ir.VectorType(ir.IntType(64), WIDTH)


class Lanes(types.Type):
    """The numba type of WIDTH doubles."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({WIDTH})")


LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, front_end_type):
        super().__init__(manager, front_end_type, _DOUBLES)


def _operation(arity, emit):
    """An intrinsic on ``arity`` lanes whose instructions ``emit(builder, *vectors)`` writes."""

    def codegen(context, builder, signature, arguments):
        return emit(builder, *arguments)

    if arity == 1:

        @intrinsic
        def apply1(typing_context, a):
            return LANES(LANES), codegen

        return apply1
    if arity == 2:

        @intrinsic
        def apply2(typing_context, a, b):
            return LANES(LANES, LANES), codegen

        return apply2
    if arity == 3:

        @intrinsic
        def apply3(typing_context, a, b, c):
            return LANES(LANES, LANES, LANES), codegen

        return apply3

    @intrinsic
    def apply4(typing_context, a, b, c, d):
        return LANES(LANES, LANES, LANES, LANES), codegen

    return apply4


def _constant(vector, number):
    return ir.Constant(vector, [number] * WIDTH)


def _fused(builder, a, b, c):
    kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
    name = f"llvm.fma.v{WIDTH}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


def _select(relation):
    """x where a (relation) b, else y; y where either is no number."""

    def emit(builder, a, b, x, y):
        return builder.select(builder.fcmp_ordered(relation, a, b), x, y)

    return emit


def _power_of_two(builder, shifted):
    """2ᵏ from k + 1.5·2⁵², k ≥ −1022: k sits in the low bits and is moved to the exponent."""
    bits = builder.shl(builder.bitcast(shifted, _INTEGERS), _constant(_INTEGERS, 52))
    return builder.bitcast(builder.add(bits, _constant(_INTEGERS, 1023 << 52)), _DOUBLES)


_SQRT_HALF = 0x3FE6A09E667F3BCD  # the bits of √½


def _exponent_field(builder, s):
    """k + 1023 as an integer, where s = 2ᵏ m and √½ ≤ m < √2."""
    raised = builder.add(
        builder.bitcast(s, _INTEGERS), _constant(_INTEGERS, (1023 << 52) - _SQRT_HALF)
    )
    return builder.lshr(raised, _constant(_INTEGERS, 52))


def _exponent(builder, s):
    """k as doubles."""
    as_double = builder.or_(_exponent_field(builder, s), _constant(_INTEGERS, 0x433 << 52))
    biased = builder.bitcast(as_double, _DOUBLES)
    return builder.fsub(biased, _constant(_DOUBLES, 2.0**52 + 1023.0))


def _mantissa(builder, s):
    """m, by taking k off the exponent."""
    power = builder.sub(_exponent_field(builder, s), _constant(_INTEGERS, 1023))
    bits = builder.sub(builder.bitcast(s, _INTEGERS), builder.shl(power, _constant(_INTEGERS, 52)))
    return builder.bitcast(bits, _DOUBLES)


fma = _operation(3, _fused)
where_less = _operation(4, _select("<"))
where_equal = _operation(4, _select("=="))
_power = _operation(1, _power_of_two)
_exponent_of = _operation(1, _exponent)
_mantissa_of = _operation(1, _mantissa)

_ARITHMETIC = {
    operator.add: _operation(2, lambda builder, a, b: builder.fadd(a, b)),
    operator.sub: _operation(2, lambda builder, a, b: builder.fsub(a, b)),
    operator.mul: _operation(2, lambda builder, a, b: builder.fmul(a, b)),
    operator.truediv: _operation(2, lambda builder, a, b: builder.fdiv(a, b)),
}


def _overload_operator(symbol, operation):
    @overload(symbol)
    def choose(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: operation(a, b)
        return None


for _symbol, _emit in _ARITHMETIC.items():
    _overload_operator(_symbol, _emit)


@intrinsic
def splat(typing_context, number):
    """The same double in every lane."""

    def codegen(context, builder, signature, arguments):
        undefined = ir.Constant(_DOUBLES, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        return builder.shuffle_vector(first, undefined, zeros)

    return LANES(types.float64), codegen


_ADDRESS = types.CPointer(types.float64)
_INDICES = types.CPointer(types.int64)


@intrinsic
def address(typing_context, array, offset):
    """Where array[offset:] begins. Plain addresses are passed about without reference counts.

    The array must outlive the address: let it be an argument of the outermost kernel.
    """

    def codegen(context, builder, signature, arguments):
        array, offset = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        return builder.gep(data, [offset])

    return types.CPointer(array.dtype)(array, types.int64), codegen


def _block(builder, at, block):
    offset = builder.mul(block, ir.Constant(ir.IntType(64), WIDTH))
    return builder.bitcast(builder.gep(at, [offset]), _DOUBLES.as_pointer())


@intrinsic
def load(typing_context, at, block):
    """Lanes from the block-th group of WIDTH doubles; bounds are the caller's business."""

    def codegen(context, builder, signature, arguments):
        return builder.load(_block(builder, *arguments), align=8, typ=_DOUBLES)

    return LANES(_ADDRESS, types.int64), codegen


@intrinsic
def store(typing_context, at, block, value):
    """Lanes into the block-th group of WIDTH doubles; bounds are the caller's business."""

    def codegen(context, builder, signature, arguments):
        at, block, value = arguments
        builder.store(value, _block(builder, at, block), align=8)
        return context.get_dummy_value()

    return types.void(_ADDRESS, types.int64, LANES), codegen


def _shuffle(builder, a, b, order):
    order = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), order)
    return builder.shuffle_vector(a, b, order)


def _transposed(builder, rows):
    """The columns of an 8 × 8 matrix given by its rows, in three rounds of shuffles."""
    pairs = [
        [_shuffle(builder, rows[i], rows[i + 1], order) for i in range(0, 8, 2)]
        for order in ([0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15])
    ]
    fours = [
        [_shuffle(builder, half[i], half[i + 1], order) for i in (0, 2)]
        for order in ([0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15])
        for half in pairs
    ]
    return [
        _shuffle(builder, left, right, order)
        for order in ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])
        for left, right in fours
    ]


@intrinsic
def interleave(typing_context, source, games, length, position, target):
    """Lane l of blocks position … position + 7 of target = source[games[l]·length + the same]."""

    def codegen(context, builder, signature, arguments):
        source, games, length, position, target = arguments
        rows = []
        for lane in range(WIDTH):
            at = builder.gep(games, [ir.Constant(ir.IntType(64), lane)])
            game = builder.load(at, typ=ir.IntType(64))
            begin = builder.add(builder.mul(game, length), position)
            pointer = builder.bitcast(builder.gep(source, [begin]), _DOUBLES.as_pointer())
            rows.append(builder.load(pointer, align=8, typ=_DOUBLES))
        for k, column in enumerate(_transposed(builder, rows)):
            block = builder.add(position, ir.Constant(ir.IntType(64), k))
            builder.store(column, _block(builder, target, block), align=8)
        return context.get_dummy_value()

    return types.void(_ADDRESS, _INDICES, types.int64, types.int64, _ADDRESS), codegen


@njit
def largest(a, b):
    """Lane by lane."""
    return where_less(a, b, b, a)


@njit
def smallest(a, b):
    """Lane by lane."""
    return where_less(b, a, b, a)


@njit
def magnitude(a):
    """|a|."""
    return largest(a, splat(0.0) - a)


#: e to this is 5e-131: products of two such numbers are still normal, and fast.
LEAST_EXPONENT = -300.0
_ROUND = 1.5 * 2.0**52  # adding and subtracting it rounds to an integer
_LOG2_HIGH = 0.6931471803691238  # log 2 to 32 bits, so that its products with k are exact
_LOG2_LOW = 1.9082149292705877e-10


@njit
def exponentials(y):
    """(eʸ, eʸ − 1) for y ≤ 0, by eʸ = 2ᵏ eʳ and eʳ − 1 = r + r²(½ + r p(r)), |r| ≤ ½ log 2."""
    y = largest(y, splat(LEAST_EXPONENT))
    shifted = fma(y, splat(1.4426950408889634), splat(_ROUND))
    k = shifted - splat(_ROUND)
    r = fma(k, splat(-_LOG2_LOW), fma(k, splat(-_LOG2_HIGH), y))
    p = fma(r, splat(2.0911229798760165e-09), splat(2.5100375929185925e-08))
    p = fma(r, p, splat(2.755728298391084e-07))
    p = fma(r, p, splat(2.7557268480106926e-06))
    p = fma(r, p, splat(2.480158731713526e-05))
    p = fma(r, p, splat(0.00019841269863040675))
    p = fma(r, p, splat(0.0013888888888886554))
    p = fma(r, p, splat(0.008333333333330065))
    p = fma(r, p, splat(0.041666666666666664))
    p = fma(r, p, splat(0.16666666666666669))
    p = fma(r, p, splat(0.5))
    grown = fma(r * r, p, r)
    scale = _power(shifted)
    return fma(scale, grown, scale), fma(scale, grown, scale - splat(1.0))


@njit
def log_and_reciprocal(s, s_minus_1):
    """(log s, 1/s) with one division; 0 < s ≤ √2 and normal; s − 1 is the more exact near one.

    log(1 + f) = f − f²/2 + g (f²/2 + R(g²)), g = f / (2 + f), after s = 2ᵏ (1 + f).
    """
    near = splat(-0.29)
    f = where_less(near, s_minus_1, s_minus_1, _mantissa_of(s) - splat(1.0))
    k = where_less(near, s_minus_1, splat(0.0), _exponent_of(s))
    denominator = f + splat(2.0)
    shared = splat(1.0) / (s * denominator)
    g = f * (s * shared)
    z = g * g
    p = fma(z, splat(0.1461916613488797), splat(0.1533150161114533))
    p = fma(z, p, splat(0.18182895750119193))
    p = fma(z, p, splat(0.22222211043776857))
    p = fma(z, p, splat(0.2857142862653362))
    p = fma(z, p, splat(0.3999999999989827))
    p = fma(z, p, splat(0.666666666666667))
    half = splat(0.5) * (f * f)
    rest = fma(g, fma(z, p, half), k * splat(_LOG2_LOW))
    return fma(k, splat(_LOG2_HIGH), f - (half - rest)), denominator * shared
