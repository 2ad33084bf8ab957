"""Tokens of the corpus by the original implementations, for test/tokenizers/compare.mjs.

    python3 test/tokenizers/reference.py KIND FILE OUT

Writes to OUT, as int32 little-endian, for each block the number of its tokens and the tokens. Prints one line of JSON: the median of five
runs over all blocks in seconds of processor time, and the SHA-256 of the corpus.
"""

import array
import base64
import hashlib
import json
import statistics
import sys
import time
import unicodedata

from corpus import corpus


def hugging_face(file):
    """tokenizer.json. A user's text: special tokens in it are letters."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def sentence_piece(file):
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=file).encode


def gguf_file(file):
    """A byte-level BPE with the words of StarCoder, from its GGUF."""
    import gguf
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    fields = gguf.GGUFReader(file).fields
    if fields['tokenizer.ggml.pre'].contents() not in ('smollm', 'starcoder'):
        raise SystemExit(f'{file}: only the words of SmolLM and StarCoder are known here')
    tokens = fields['tokenizer.ggml.tokens'].contents()
    types = fields['tokenizer.ggml.token_type'].contents()
    merges = [tuple(merge.split(' ')) for merge in fields['tokenizer.ggml.merges'].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={text: i for i, text in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == gguf.TokenType.CONTROL])
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r'| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+'
UPPER, LOWER = r'[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]', r'[\p{Ll}\p{Lm}\p{Lo}\p{M}]'


def cased(ending, digits):
    return (
        rf'[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ending}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ending}|{digits}'
        r'| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+'
    )


WORDS = {
    'llama3': CONTRACTION + r'|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}' + REST,
    'qwen': CONTRACTION + r'|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}' + REST,
    'gpt-4o': cased(CONTRACTION + '?', r'\p{N}{1,3}'),
    'tekken': cased('', r'\p{N}'),
}


def tiktoken_file(words):
    def open_file(file):
        import tiktoken

        rows = [line.split() for line in open(file, 'rb') if line.strip()]
        ranks = {base64.b64decode(token): int(rank) for token, rank in rows}
        encode = tiktoken.Encoding('corpus', pat_str=WORDS[words], mergeable_ranks=ranks, special_tokens={}).encode_ordinary
        # Qwen 1's own Python composes text first.
        return (lambda text: encode(unicodedata.normalize('NFC', text))) if words == 'qwen' else encode

    return open_file


def world(file):
    from rwkv.rwkv_tokenizer import TRIE_TOKENIZER

    return TRIE_TOKENIZER(file).encode


KINDS = {
    'hugging-face': hugging_face,
    'sentencepiece': sentence_piece,
    'gguf': gguf_file,
    'rwkv': world,
    **{f'tiktoken-{words}': tiktoken_file(words) for words in WORDS},
}


def main():
    kind, file, out = sys.argv[1:]
    blocks = corpus()
    times = []
    for _ in range(5):
        # A new one each time, so that no run finds the words of the one before.
        encode = KINDS[kind](file)
        start = time.process_time()
        tokens = [encode(block) for block in blocks]
        times.append(time.process_time() - start)
    numbers = array.array('i', [n for row in tokens for n in (len(row), *row)])
    with open(out, 'wb') as file:
        numbers.tofile(file)
    digest = hashlib.sha256('\n'.join(blocks).encode()).hexdigest()
    print(json.dumps({'seconds': statistics.median(times), 'corpus': digest}))


main()
