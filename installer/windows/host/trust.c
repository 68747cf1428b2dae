#include "trust.h"
#include "path.h"
#include "rights.h"
#include "text.h"
#include <sddl.h>
#include <stdlib.h>

/* What lets somebody change a thing or what is in it, or let himself do so. */
static const ACCESS_MASK changes = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | FILE_DELETE_CHILD | DELETE |
                                   WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

/* The same for the whole process. */
static PSID own_sid(void) {
  static union { TOKEN_USER user; BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE]; } found;
  HANDLE token;
  DWORD size;
  if (found.user.User.Sid || !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return found.user.User.Sid;
  if (!GetTokenInformation(token, TokenUser, &found, sizeof found, &size)) found.user.User.Sid = NULL;
  CloseHandle(token);
  return found.user.User.Sid;
}

static PSID service_sid(const wchar_t *service) {
  static PSID sid;
  wchar_t *text;
  if (sid) return sid;
  text = rights_service_sid(service);
  if (text && !ConvertStringSidToSidW(text, &sid)) sid = NULL;
  free(text);
  return sid;
}

static BOOL is_same(PSID one, PSID other) {
  return one && other && EqualSid(one, other);
}

static BOOL is_trusted(PSID sid, const wchar_t *service) {
  return IsWellKnownSid(sid, WinLocalSystemSid) || IsWellKnownSid(sid, WinBuiltinAdministratorsSid) || is_same(sid, own_sid()) ||
         is_same(sid, service_sid(service));
}

/* CREATOR OWNER is nobody we trust, and an entry of a kind that we do not know may say anything. */
static void look_at_entry(const ACE_HEADER *entry, const wchar_t *service, struct trust *trust) {
  const ACCESS_ALLOWED_ACE *allowed = (const ACCESS_ALLOWED_ACE *)entry;
  PSID sid = (PSID)&allowed->SidStart;
  if (entry->AceFlags & INHERITED_ACE) trust->is_inherited = TRUE;
  if (entry->AceType == ACCESS_DENIED_ACE_TYPE) return;
  if (entry->AceType != ACCESS_ALLOWED_ACE_TYPE) {
    trust->is_closed = FALSE;
    return;
  }
  if (is_same(sid, service_sid(service))) trust->is_marked = TRUE;
  if (!(allowed->Mask & changes) || is_trusted(sid, service)) return;
  if (trust->is_closed) CopySid(sizeof trust->whom, trust->whom, sid);
  trust->is_closed = FALSE;
}

static BOOL is_linked(HANDLE object) {
  FILE_STANDARD_INFO info;
  return !GetFileInformationByHandleEx(object, FileStandardInfo, &info, sizeof info) || (!info.Directory && info.NumberOfLinks > 1);
}

BOOL trust_of(HANDLE object, const wchar_t *service, struct trust *trust) {
  const SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
  FILE_ATTRIBUTE_TAG_INFO info;
  PSECURITY_DESCRIPTOR rights = NULL;
  PSID owner = NULL;
  PACL list = NULL;
  DWORD error;
  memset(trust, 0, sizeof *trust);
  if (!GetFileInformationByHandleEx(object, FileAttributeTagInfo, &info, sizeof info)) return FALSE;
  trust->is_link = path_is_link(info.FileAttributes);
  trust->is_folder = !trust->is_link && (info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  trust->is_linked = is_linked(object);
  error = GetSecurityInfo(object, SE_FILE_OBJECT, what, &owner, NULL, &list, NULL, &rights);
  if (error != ERROR_SUCCESS) {
    SetLastError(error);
    return FALSE;
  }
  trust->is_owner_trusted = owner && is_trusted(owner, service);
  trust->is_closed = list != NULL; /* without a list everybody may do everything */
  for (DWORD i = 0; list && i < list->AceCount; i++) {
    void *entry;
    if (GetAce(list, i, &entry)) look_at_entry(entry, service, trust);
    else trust->is_closed = FALSE;
  }
  LocalFree(rights);
  return TRUE;
}

wchar_t *trust_whom(const struct trust *trust) {
  wchar_t name[256], domain[256], *text = NULL, *whom;
  DWORD name_length = 256, domain_length = 256;
  SID_NAME_USE use;
  PSID sid = (PSID)trust->whom;
  if (!trust->whom[0]) return text_format(L"everybody");
  if (LookupAccountSidW(NULL, sid, name, &name_length, domain, &domain_length, &use))
    return text_format(L"%ls%ls%ls", domain, *domain ? L"\\" : L"", name);
  whom = text_format(L"%ls", ConvertSidToStringSidW(sid, &text) ? text : L"somebody");
  LocalFree(text);
  return whom;
}
