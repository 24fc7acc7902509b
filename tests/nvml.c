/* NVIDIA's management library of a machine with one GPU, for tests/test_doctor.py. */
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } Process;

enum { SUCCESS = 0, INSUFFICIENT_SIZE = 7, LIB_RM_VERSION_MISMATCH = 18 };
static unsigned long long number(const char *name) { return strtoull(getenv(name), NULL, 10); }

int nvmlInitWithFlags(unsigned int flags) {
    return getenv("NVML_MISMATCH") ? LIB_RM_VERSION_MISMATCH : SUCCESS;
}
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "Driver/library version mismatch"; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = number("NVML_CUDA");
    return SUCCESS;
}
int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    strncpy(version, "535.54.03", length);
    return SUCCESS;
}
int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = 1;
    return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    *device = (void *)1;
    return SUCCESS;
}
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    strncpy(name, "NVIDIA T4", length);
    return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    memory->total = 16000000000ULL;
    memory->used = number("NVML_USED");
    memory->free = memory->total - memory->used;
    return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, Process *processes) {
    if (*count < 1) {
        *count = 1;
        return INSUFFICIENT_SIZE;
    }
    *count = 1;
    processes[0] = (Process){number("NVML_PID"), number("NVML_USED"), 0, 0};
    return SUCCESS;
}
