"""Reads configurations with libxlutil, the parser that xl itself uses.

Input: a JSON list of configurations. Output: a JSON list with null for each that
libxlutil refuses, and else its values by their keys: strings, or lists of
strings. Exits with 77 where the library isn't installed.
"""

import ctypes
import json
import sys

KEYS = [b"name", b"kernel", b"ramdisk", b"root", b"extra", b"cmdline", b"memory", b"maxmem", b"vif", b"disk"]

try:
    xlu = ctypes.CDLL("libxlutil.so.4.17")
except OSError as err:
    print(err, file=sys.stderr)
    sys.exit(77)
libc = ctypes.CDLL(None)
stderr = ctypes.c_void_p.in_dll(libc, "stderr")

xlu.xlu_cfg_init.restype = ctypes.c_void_p
xlu.xlu_cfg_init.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
xlu.xlu_cfg_readdata.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
xlu.xlu_cfg_get_string.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
xlu.xlu_cfg_get_list.argtypes = [ctypes.c_void_p, ctypes.c_char_p] + [ctypes.c_void_p] * 2 + [ctypes.c_int]
xlu.xlu_cfg_get_listitem.restype = ctypes.c_char_p
xlu.xlu_cfg_get_listitem.argtypes = [ctypes.c_void_p, ctypes.c_int]


def read(text):
    cfg = xlu.xlu_cfg_init(stderr, b"config")
    data = text.encode("latin-1")
    if xlu.xlu_cfg_readdata(cfg, data, len(data)):
        return None
    values = {}
    for key in KEYS:
        string, items, count = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_int()
        if xlu.xlu_cfg_get_string(cfg, key, ctypes.byref(string), 1) == 0:
            values[key.decode()] = string.value.decode("latin-1")
        elif xlu.xlu_cfg_get_list(cfg, key, ctypes.byref(items), ctypes.byref(count), 1) == 0:
            values[key.decode()] = [
                (xlu.xlu_cfg_get_listitem(items, i) or b"").decode("latin-1") for i in range(count.value)
            ]
    return values


print(json.dumps([read(text) for text in json.load(sys.stdin)]))
