/*
 * Goes through a folder that was closed to others a moment ago: what may stay gets the rights that the folder hands on, thing by thing and
 * before anybody looks what is in it; the rest goes aside (aside.h).
 */
#pragma once
#include <windows.h>

enum sift {
  sift_by_nobody_else,  /* only we could write to it: all stays but files with a second name */
  sift_by_trusted,      /* an administrator has opened it: links go too, and what others own */
  sift_never_open       /* it was open from the beginning: files that others could change go too */
};

/* Gives an error of Windows' back. */
DWORD sift(HANDLE folder, const wchar_t *path, const wchar_t *service, enum sift how);
