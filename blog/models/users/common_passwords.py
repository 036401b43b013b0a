"""Passwords that are guessed first: well-known words, names, dates, walks over the keys."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from blog.markup import slugify

FEWEST = 4  # characters that are nobody's guess
# What is guessed along with a word: one year, date or mobile number, and a few signs.
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
# Where a finger only walks along.
WALKS = (
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
# Letters that are written as signs: p@ssw0rd. The 1 stands for two of them.
AS_LETTERS = tuple(str.maketrans("013457@$!", letters) for letters in ("oieastasi", "oleastasi"))


def is_too_easy(password: str, about: Iterable[str] = ()) -> bool:
    """Whether little is left of it without what is guessed first; `about`: names of the person,
    their mail address, the site's title.
    """
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < 5 or folded in (folded * 2)[1:-1]:
        return True
    known = set(WORDS.split()).union(*map(_pieces, about))
    guessed = {at for piece in (_words(folded, known), _walks(folded)) for at in piece}
    left = "".join(" " if at in guessed else char for at, char in enumerate(folded))
    return _weight(left) < FEWEST


def _pieces(text: str) -> set[str]:
    """What of a name or an address is typed as a password: 张三 is zhangsan, too."""
    parts = slugify(text).split("-") + text.casefold().split()
    return {part for part in (*parts, "".join(slugify(text).split("-"))) if len(part) >= 3}


def _words(folded: str, known: Iterable[str]) -> Iterator[int]:
    """The places of `folded` that a known word covers, however its letters are written."""
    for text in {folded, *(folded.translate(table) for table in AS_LETTERS)}:
        for word in known:
            at = text.find(word)
            while at >= 0:
                yield from range(at, at + len(word))
                at = text.find(word, at + 1)


def _walks(folded: str) -> Iterator[int]:
    """The places that are part of a walk of four keys, or of one key struck three times."""
    for at in range(len(folded)):
        four, three = folded[at : at + 4], folded[at : at + 3]
        if len(four) == 4 and any(four in walk for walk in WALKS):
            yield from range(at, at + 4)
        if len(three) == 3 and len(set(three)) == 1:
            yield from range(at, at + 3)


def _weight(left: str) -> int:
    """How many characters must be found one by one."""
    digits = sum(char.isdigit() for char in left)
    letters = sum(char.isalpha() for char in left)
    signs = len(left) - letters - digits - left.count(" ")
    number = max((sum(map(str.isdigit, found)) for found in NUMBER.findall(left)), default=0)
    return letters + digits - min(number, FREE_DIGITS) + max(0, signs - FREE_SIGNS)
