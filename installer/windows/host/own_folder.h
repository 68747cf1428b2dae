/*
 * The service's folders. Any user may make folders in C:\ProgramData, and on other drives too, so what lies where ours belongs may have been
 * put there by somebody, or be a link to somewhere else. What is done with it:
 *
 *   the data folder is ours (an upgrade): its owner is trusted and nobody else may write   its rights are set once more, all in it stays
 *   an administrator has made it, with rights from above or with more than ours            it is closed to others first; then what is in it and
 *                                                                                          was put or could be changed by others, or is a link
 *                                                                                          or has one in it, is moved aside; the rest stays
 *   a user has made it, or it is a link or a file                                          it is moved aside as a whole
 *
 *   the cache folder, which an administrator has named, is empty, or has our rights, or    it is given its rights
 *   has nothing but `content` in it, put by nobody else
 *   something else is in it                                                                refused, and left as it is: D:\Data is not ours
 *
 * Aside is beside it, as <folder>.not-ours-1: never used, never given our rights, and never removed by us.
 */
#pragma once
#include <windows.h>

/* Makes the data folder, or one of the service's own of what is there. FALSE: it has said on stderr why not. */
BOOL own_folder_make(const wchar_t *folder, const wchar_t *service);

/* The same for the folder of the cache. */
BOOL own_folder_make_cache(const wchar_t *folder, const wchar_t *service);

/* Whether the data folder is there and as own_folder_make leaves it. */
BOOL own_folder_is_made(const wchar_t *folder, const wchar_t *service);
