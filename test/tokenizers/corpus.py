"""The text of test/tokenizers/corpus.ts, from the same rules and the same seed."""

BLOCK_COUNT = 64
BLOCK_BYTES = 32768


class Random:
    """Marsaglia's xorshift of 32 bits."""

    def __init__(self):
        self.state = 20240917

    def __call__(self, below):
        x = self.state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self.state = x
        return x % below


WORDS = (
    'return function const value index result async await import export class extends public static void int string self def lambda None True '
    'if else for while try catch throw new this user data list map key node tree left right buffer getElementById parse_args HTTPServer maxValue '
    'i j x y tmp'
).split(' ')
OPERATORS = [' = ', ' + ', '.', '(', ')', ', ', ': ', ' => ', '[', ']', ' == ', '->', '::', ';', ' && ', '{ ', ' }', '"', "'", ' // ', '# ', '/*', '*/', '<', '>', '\\']
INDENTS = ['\n', '\n\n', '\n  ', '\n    ', '\n        ', '\n\t', '\n\t\t', '\r\n', ' ']
PROSE = (
    "The the quick brown fox jumps over a lazy dog and it's don't we'll I'm they've you'd HE'S Ünïcode naïve café Straße résumé however because "
    'through without model token language'
).split(' ')
CHINESE = '的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后'
MARKS = ['，', '。', '！', '？', '、', '：', '；', '“', '”', '（', '）', '《', '》', ' ', '\n']
SCRIPTS = [
    (0x410, 0x44F), (0x391, 0x3A1), (0x3B1, 0x3C9), (0x5D0, 0x5EA), (0x627, 0x63A), (0x905, 0x939), (0x93E, 0x94C), (0xE01, 0xE2E),
    (0x3041, 0x3096), (0x30A1, 0x30FA), (0xAC00, 0xD7A3), (0xC0, 0xFF), (0x300, 0x36F), (0xFF01, 0xFF5E), (0x2150, 0x2188), (0x2460, 0x249B),
    (0x10000, 0x1000B), (0x20000, 0x2A6D6), (0x1D400, 0x1D454), (0x660, 0x669), (0x966, 0x96F), (0x2010, 0x2027), (0x2190, 0x21FF),
    (0x2500, 0x257F), (0x2B0, 0x2C1), (0xE000, 0xE00F), (0xA1, 0xBF), (0x1C4, 0x1CC), (0x4E00, 0x9FA5),
]
EMOJI = ['😀', '🎉', '👍🏽', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '🇯🇵', '❤️', '🚀', '✅', '1️⃣', '🧑🏿‍💻']
SPACES = [' ', ' ', ' ', '\n', '\n', '\t', '\r\n', '\u00a0', '\u3000', '\u0085', '\u2028', '\u2009', '\ufeff', '\u200b', '\x0b', '\x0c']
ODDITIES = [
    '<|im_end|>', '<|endoftext|>', '</s>', '<s>', '<unk>', '[INST]', '<0x0A>', '<think>', '</think>', '<|fim_prefix', '\x01', '\x1b[0m',
    '\x7f', 'Ġ', 'Ċ', '\ufffd', '  ', "''", '\u2019s',
]
PIECES = [
    b'\x80', b'\xbf', b'\xc0\xaf', b'\xe0\x80', b'\xe4\xb8', b'\xed\xa0\x80', b'\xf0\x9f\x98', b'\xf4\x90\x80\x80', b'\xf8', b'\xff', b'A', b' ',
    b'\xe4\xb8\xad',
]
DIGITS = '0123456789012345678901234567890123456789., _x'


def corpus():
    random = Random()

    def pick(items):
        return items[random(len(items))]

    def many(count, make):
        return ''.join(make() for _ in range(count))

    def code():
        return many(4 + random(16), lambda: pick(WORDS) + pick(OPERATORS)) + pick(INDENTS)

    def script():
        first, last = pick(SCRIPTS)
        return many(1 + random(8), lambda: chr(first + random(last - first + 1))) + pick(['', ' '])

    kinds = [
        code,
        code,
        code,
        lambda: many(3 + random(12), lambda: pick(PROSE) + pick([' ', ' ', ' ', ', ', '. '])),
        lambda: many(2 + random(20), lambda: pick(CHINESE)) + pick(MARKS),
        script,
        lambda: many(1 + random(3), lambda: pick(EMOJI)),
        lambda: many(1 + random(12), lambda: pick(DIGITS)),
        lambda: pick(SPACES) * (1 + random(20)),
        lambda: pick(ODDITIES),
        lambda: b''.join(pick(PIECES) for _ in range(1 + random(5))).decode('utf-8', 'replace'),
    ]
    blocks = []
    for _ in range(BLOCK_COUNT):
        text, size = [], 0
        while size < BLOCK_BYTES:
            part = pick(kinds)()
            text.append(part)
            size += len(part.encode())
        blocks.append(''.join(text))
    return blocks
