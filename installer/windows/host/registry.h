/*
 * A key and all below it as JSON in UTF-8, from the view of 64 bits:
 *
 *   [{"path":"HKEY_LOCAL_MACHINE\\SOFTWARE\\...","values":[{"name":"a","type":"REG_SZ","data":"text"}]}]
 *
 * `HKU\*\SOFTWARE\...` is that key of each user who is signed in, in one list.
 * REG_SZ and REG_EXPAND_SZ are texts (not expanded), REG_DWORD and REG_QWORD numbers, REG_MULTI_SZ is a list, everything else
 * hexadecimal digits.
 */
#pragma once
#include <windows.h>

enum { registry_no_key = 2, registry_denied = 3 };

/* As JSON, for what is printed later. @returns why not: then nothing was put. */
LSTATUS registry_put(const wchar_t *path);

int registry(const wchar_t *path);
