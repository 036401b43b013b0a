"""Detects passwords that are easy to guess: common words, names, dates and keyboard patterns."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from blog.markup import slugify

FEWEST = 4  # characters that must be left after removing everything that is easy to guess
# Attackers append these to words: a year, date or mobile number, and a few symbols.
FREE_DIGITS, FREE_SIGNS = 11, 3
NUMBER = re.compile(r"\d(?:[-./ ]?\d)*")

WORDS = """
password passwd passwort passphrase pass1 login logmein letmein letmeout openup welcome
admin administrator root toor user guest manager owner master access secret private secure
default changeme change temp temporary test testing tester demo sample example nothing
whatever something somebody trustno1 hello goodbye please thankyou
iloveyou iloveu loveyou loveme lovely lover mylove truelove forever sweetheart darling
sweety honey baby babygirl angel princess prince queen king beautiful gorgeous happy smile
family mother father brother sister mommy daddy friend friends jesus christ heaven blessed
monkey dragon tiger eagle panda puppy kitty kitten doggy horse shark wolf rabbit
butterfly dolphin sunshine moonlight rainbow flower summer winter spring autumn diamond
silver golden purple orange yellow cheese cookie coffee chocolate banana pepper ginger
football baseball basketball soccer hockey tennis superman batman spiderman pokemon naruto
starwars matrix ninja samurai wizard shadow hunter killer soldier warrior legend phoenix
michael jordan jennifer jessica daniel thomas charlie andrew robert anthony nicole ashley
january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
computer internet windows linux ubuntu debian google server database python blog blogger
website writer author editor
woaini woaiwojia woaiziji woaiwo woaizhongguo woaixuexi aini loveni xiangni niaiwo
mima wodemima wangjimima guanliyuan yonghu boke wangzhan diannao wangluo
nihao nimen dajiahao xiexie zaijian zhongguo china beijing shanghai guangzhou shenzhen
chengdu hangzhou nanjing wuhan chongqing xianggang taiwan
laopo laogong baobei baobao qinai mama baba gege jiejie meimei didi airen
yishengyishi yisheng yongyuan kuaile xingfu shengri jiayou buzhidao woshishui wodejia
zhangsan lisi wangwu zhaoliu xiaoming xiaohong zhangwei wangwei liwei wangfang liuyang
tiantian haohao xuexi dashen niubi caonima wocao nima shabi
taobao weixin zhifubao baidu tengxun alibaba
我爱你 爱你 一生一世 永远 密码 我的 你好 中国 北京 上海 老婆 老公 宝贝 妈妈 爸爸 生日快乐 管理员
"""
# Keyboard and alphabet sequences.
SEQUENCES = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "poiuytrewqlkjhgfdsamnbvcxz",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()_+",
)
# Symbols that replace letters, as in p@ssw0rd. The 1 may stand for i or l, hence two tables.
AS_LETTERS = tuple(str.maketrans("013457@$!", letters) for letters in ("oieastasi", "oleastasi"))


def is_too_easy(password: str, about: Iterable[str] = ()) -> bool:
    """Return whether too little of a password is left without the parts that are guessed first.

    `about` are texts related to the user: their names, their email address, the site's title.
    """
    folded = unicodedata.normalize("NFKC", password).casefold()
    is_repetition = folded in (folded * 2)[1:-1]
    if len(set(folded)) < 5 or is_repetition:
        return True
    words = set(WORDS.split()).union(*map(_words_in, about))
    guessable = {*_word_positions(folded, words), *_sequence_positions(folded)}
    rest = "".join(" " if at in guessable else char for at, char in enumerate(folded))
    return _weight(rest) < FEWEST


def _words_in(text: str) -> set[str]:
    """Return the words of a name or address, also romanized: 张三 gives zhangsan."""
    parts = slugify(text).split("-") + text.casefold().split()
    return {part for part in (*parts, "".join(slugify(text).split("-"))) if len(part) >= 3}


def _word_positions(folded: str, words: Iterable[str]) -> Iterator[int]:
    """Yield the positions that a word covers, also with symbols in place of letters."""
    for text in {folded, *(folded.translate(table) for table in AS_LETTERS)}:
        for word in words:
            at = text.find(word)
            while at >= 0:
                yield from range(at, at + len(word))
                at = text.find(word, at + 1)


def _sequence_positions(folded: str) -> Iterator[int]:
    """Yield the positions in a sequence of four keys, or in a character repeated three times."""
    for at in range(len(folded)):
        four, three = folded[at : at + 4], folded[at : at + 3]
        if len(four) == 4 and any(four in sequence for sequence in SEQUENCES):
            yield from range(at, at + 4)
        if len(three) == 3 and len(set(three)) == 1:
            yield from range(at, at + 3)


def _weight(rest: str) -> int:
    """Count the characters that must be guessed one by one.

    One number of up to `FREE_DIGITS` digits and `FREE_SIGNS` symbols do not count.
    """
    digits = len([char for char in rest if char.isdigit()])
    letters = len([char for char in rest if char.isalpha()])
    symbols = len(rest) - letters - digits - rest.count(" ")
    lengths = [len([c for c in number if c.isdigit()]) for number in NUMBER.findall(rest)]
    longest = max(lengths, default=0)
    return letters + digits - min(longest, FREE_DIGITS) + max(0, symbols - FREE_SIGNS)
