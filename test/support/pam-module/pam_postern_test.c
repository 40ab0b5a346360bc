/* A PAM module for tests: its one argument says how it behaves. Never install it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int converse(pam_handle_t *pamh, int count, const struct pam_message **messages, struct pam_response **answers) {
  const struct pam_conv *conv = NULL;
  int status = pam_get_item(pamh, PAM_CONV, (const void **)&conv);
  return status != PAM_SUCCESS ? status : conv->conv(count, messages, answers, conv->appdata_ptr);
}

/* Says a text that wants no answer; PAM_SUCCESS if the answer is there and empty, as it has to be. */
static int say(pam_handle_t *pamh, int style, const char *text) {
  const struct pam_message message = {style, text};
  const struct pam_message *messages = &message;
  struct pam_response *answers = NULL;
  int status = converse(pamh, 1, &messages, &answers);
  if (status == PAM_SUCCESS && (answers == NULL || answers->resp != NULL)) status = PAM_SYSTEM_ERR;
  free(answers);
  return status;
}

/* Asks a question; PAM_SUCCESS for the expected answer. */
static int expect(pam_handle_t *pamh, const char *question, const char *expected) {
  char *answer = NULL;
  int status = pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &answer, "%s", question);
  if (status == PAM_SUCCESS && (answer == NULL || strcmp(answer, expected) != 0)) status = PAM_AUTH_ERR;
  free(answer);
  return status;
}

static int ask_three(pam_handle_t *pamh) {
  const struct pam_message secret = {PAM_PROMPT_ECHO_OFF, "First: "};
  const struct pam_message info = {PAM_TEXT_INFO, "between"};
  const struct pam_message text = {PAM_PROMPT_ECHO_ON, "Second: "};
  const struct pam_message *messages[] = {&secret, &info, &text};
  struct pam_response *answers = NULL;
  int status = converse(pamh, 3, messages, &answers);
  if (status != PAM_SUCCESS) return status;
  int right = answers[0].resp != NULL && strcmp(answers[0].resp, "one") == 0 && answers[1].resp == NULL &&
              answers[2].resp != NULL && strcmp(answers[2].resp, "zw\xc3\xb6lf") == 0;
  for (int at = 0; at < 3; at++) free(answers[at].resp);
  free(answers);
  return right ? PAM_SUCCESS : PAM_AUTH_ERR;
}

static int say_big(pam_handle_t *pamh) {
  char *text = malloc(1024 * 1024 + 1);
  if (text == NULL) return PAM_BUF_ERR;
  memset(text, 'x', 1024 * 1024);
  text[1024 * 1024] = '\0';
  int status = say(pamh, PAM_TEXT_INFO, text);
  free(text);
  return status == PAM_SUCCESS ? expect(pamh, "Go on: ", "yes") : status;
}

static int ask_too_many(pam_handle_t *pamh) {
  const struct pam_message message = {PAM_TEXT_INFO, "again"};
  const struct pam_message *messages[PAM_MAX_NUM_MSG + 1];
  struct pam_response *answers = NULL;
  for (int at = 0; at <= PAM_MAX_NUM_MSG; at++) messages[at] = &message;
  return converse(pamh, PAM_MAX_NUM_MSG + 1, messages, &answers);
}

/* A helper that leaves the session and holds the child's pipes open, as a badly written module may. */
static int leave_helper(void) {
  pid_t pid = fork();
  if (pid == 0) {
    setsid();
    sleep(3);
    _exit(0);
  }
  return pid < 0 ? PAM_SYSTEM_ERR : PAM_SUCCESS;
}

/* Hangs together with a helper of the same process group, whose number it tells. */
static void hang_with_helper(pam_handle_t *pamh) {
  pid_t pid = fork();
  if (pid > 0) pam_info(pamh, "%d", (int)pid);
  for (;;) pause();
}

static int garbage(const char *text) {
  return write(1, text, strlen(text)) < 0 ? PAM_SYSTEM_ERR : PAM_SUCCESS;
}

static int flood(void) {
  char block[4096];
  memset(block, 'x', sizeof block);
  for (;;)
    if (write(1, block, sizeof block) < 0) return PAM_SYSTEM_ERR;
}

static int chatter(pam_handle_t *pamh) {
  for (;;)
    if (say(pamh, PAM_TEXT_INFO, "still here, and saying so at length") != PAM_SUCCESS) return PAM_CONV_ERR;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
  const char *mode = argc > 0 ? argv[0] : "";
  (void)flags;
  if (strcmp(mode, "hang") == 0)
    for (;;) pause();
  if (strcmp(mode, "crash") == 0) raise(SIGSEGV);
  if (strcmp(mode, "exit") == 0) _exit(0);
  if (strcmp(mode, "three") == 0) return ask_three(pamh);
  if (strcmp(mode, "big") == 0) return say_big(pamh);
  if (strcmp(mode, "many") == 0) return ask_too_many(pamh);
  if (strcmp(mode, "helper") == 0) return leave_helper();
  if (strcmp(mode, "hang-helper") == 0) hang_with_helper(pamh);
  if (strcmp(mode, "flood") == 0) return flood();
  if (strcmp(mode, "chatter") == 0) return chatter(pamh);
  if (strcmp(mode, "garbage") == 0) return garbage("not json\n");
  if (strcmp(mode, "forge") == 0) return garbage("{\"result\":{\"ok\":true,\"user\":\"root\"}}\n");
  if (strcmp(mode, "radio") == 0) return say(pamh, PAM_RADIO_TYPE, "yes or no");
  if (strcmp(mode, "null") == 0) return say(pamh, PAM_ERROR_MSG, NULL);
  if (strcmp(mode, "bytes") == 0) {
    int status = say(pamh, PAM_ERROR_MSG, "\xff\xfe caf\xc3\xa9 \x1b[31m\ttab\r\nend \xe2\x82");
    return status == PAM_SUCCESS ? expect(pamh, "", "") : status;
  }
  if (strcmp(mode, "wait") == 0) {
    int status = say(pamh, PAM_TEXT_INFO, "the number is 42");
    return status == PAM_SUCCESS ? expect(pamh, "Ready: ", "yes") : status;
  }
  if (strcmp(mode, "rename") == 0) return pam_set_item(pamh, PAM_USER, argc > 1 ? argv[1] : "");
  if (strcmp(mode, "rename-bytes") == 0) return pam_set_item(pamh, PAM_USER, "\xff\xfe");
  if (strcmp(mode, "items") == 0) {
    const char *rhost = NULL, *tty = NULL;
    pam_get_item(pamh, PAM_RHOST, (const void **)&rhost);
    pam_get_item(pamh, PAM_TTY, (const void **)&tty);
    pam_info(pamh, "rhost=%s tty=%s null=%d", rhost ? rhost : "-", tty ? tty : "-", (flags & PAM_DISALLOW_NULL_AUTHTOK) != 0);
    return PAM_SUCCESS;
  }
  if (strcmp(mode, "env") == 0) {
    extern char **environ;
    pam_info(pamh, "env=%s cwd=%s", environ && environ[0] ? environ[0] : "-", get_current_dir_name());
    return PAM_SUCCESS;
  }
  return strcmp(mode, "yes") == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
  (void)pamh, (void)flags, (void)argc, (void)argv;
  return PAM_SYSTEM_ERR;
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv) {
  (void)pamh, (void)flags;
  return argc > 0 && strcmp(argv[0], "change") == 0 ? PAM_NEW_AUTHTOK_REQD : PAM_SUCCESS;
}

/* slow FILE MILLISECONDS: asks, works for a while, then makes the file; slow-again asks once more before,
   slow-rename makes the account another. */
int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv) {
  if (argc < 3 || strncmp(argv[0], "slow", 4) != 0) return PAM_AUTHTOK_ERR;
  if (flags & PAM_PRELIM_CHECK) return PAM_SUCCESS;
  char *path = NULL;
  if (asprintf(&path, "%s.asked", argv[1]) < 0) return PAM_BUF_ERR;
  close(open(path, O_CREAT | O_WRONLY, 0600));
  free(path);
  if (expect(pamh, "New password: ", "new") != PAM_SUCCESS) return PAM_AUTHTOK_ERR;
  usleep(1000 * (useconds_t)atoi(argv[2]));
  if (strcmp(argv[0], "slow-again") == 0 && expect(pamh, "Retype: ", "new") != PAM_SUCCESS) return PAM_AUTHTOK_ERR;
  if (strcmp(argv[0], "slow-rename") == 0) pam_set_item(pamh, PAM_USER, "root");
  int file = open(argv[1], O_CREAT | O_WRONLY, 0600);
  return file < 0 || close(file) < 0 ? PAM_AUTHTOK_ERR : PAM_SUCCESS;
}
