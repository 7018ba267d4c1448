// SPDX-License-Identifier: MIT
#include "tests/layer/fake/driver.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace vdmabuf::fake {
namespace {

constinit thread_local std::atomic<int> t_depth{0};
thread_local Served* t_served = nullptr;

// Queues that a thread is using now: Vulkan allows one at a time.
std::mutex g_use_mutex;
std::unordered_set<const void*> g_queues_in_use;

// Whoever wants them calls functions of devices, but for a few that the loader does something to;
// those of instances the loader calls for him.
bool is_of_layer(const std::string& function, const void* caller) {
    Dl_info found{};
    if (!::dladdr(caller, &found) || !found.dli_fname) return false;
    if (std::strstr(found.dli_fname, "VkLayer_vdmabuf_wsi")) return true;
    const bool of_instance = function.starts_with("GetPhysicalDevice") ||
                             function.starts_with("Enumerate") || function == "CreateInstance" ||
                             function == "CreateDevice";
    return of_instance && std::strstr(found.dli_fname, "libvulkan.so");
}

std::string hex(std::uint64_t value) {
    char text[32];
    std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

}  // namespace

Driver& driver() {
    static Driver* const driver = new Driver;  // lives as long as the process
    return *driver;
}

Memory::~Memory() {
    if (!base) return;
    if (backing == Backing::own) std::free(base);
    if (backing == Backing::fd) ::munmap(base, size);
}

void Driver::reset(const Config& wanted) {
    const std::lock_guard lock(mutex);
    config = wanted;
    ++generation;
    for (auto& [id, object] : objects_) {
        object->dead = true;
        // The app may still hold the address of a dispatchable one.
        graveyard_.push_back(std::move(object));
    }
    objects_.clear();
    errors_.clear();
    log.clear();
    order_ = {};
    failing_.clear();
    delays_.clear();
    gpu_time = {};
    gpu_held = false;
    logging = true;
    changed.notify_all();
}

void Driver::fail(const std::string& function, std::uint32_t nth, VkResult result) {
    const std::lock_guard lock(mutex);
    order_ = {function, nth, false, result};
}

void Driver::fail_of_layer(const std::string& function, std::uint32_t nth, VkResult result) {
    const std::lock_guard lock(mutex);
    order_ = {function, nth, true, result};
}

void Driver::fail_always(const std::string& function, VkResult result) {
    const std::lock_guard lock(mutex);
    failing_[function] = result;
}

void Driver::stop_failing() {
    const std::lock_guard lock(mutex);
    order_ = {};
    failing_.clear();
}

void Driver::delay(const std::string& function, std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex);
    delays_[function] = time;
}

std::size_t Driver::delayed() {
    const std::lock_guard lock(mutex);
    return delayed_calls;
}

void Driver::set_gpu_time(std::chrono::microseconds time) {
    const std::lock_guard lock(mutex);
    gpu_time = time;
}

void Driver::hold_gpu(bool held) {
    const std::lock_guard lock(mutex);
    gpu_held = held;
    changed.notify_all();
}

std::vector<Call> Driver::calls() {
    const std::lock_guard lock(mutex);
    return {log.begin(), log.end()};
}

void Driver::forget_calls() {
    const std::lock_guard lock(mutex);
    log.clear();
}

void Driver::log_calls(bool wanted) {
    const std::lock_guard lock(mutex);
    logging = wanted;
}

std::vector<std::string> Driver::errors() {
    const std::lock_guard lock(mutex);
    return errors_;
}

void Driver::forget_errors() {
    const std::lock_guard lock(mutex);
    errors_.clear();
}

std::map<std::string, std::size_t> Driver::alive() {
    const std::lock_guard lock(mutex);
    std::map<std::string, std::size_t> alive;
    for (const auto& [id, object] : objects_) {
        if (!object->dead) ++alive[object->kind];
    }
    return alive;
}

const std::atomic<int>& Driver::depth() const {
    return t_depth;
}

void Driver::error(const std::string& text) {
    const char* function = t_served ? t_served->function() : "GPU";
    errors_.push_back(std::string(function) + ": " + text);
    if (std::getenv("FAKE_DRIVER_ABORT")) std::abort();  // for a debugger
}

void Driver::lose_devices(std::unique_lock<std::mutex>& lock) {
    std::vector<Device*> devices;
    for (auto& [id, object] : objects_) {
        auto* device = dynamic_cast<Device*>(object.get());
        if (device && !device->dead) devices.push_back(device);
    }
    for (Device* device : devices) {
        device->lost = true;
        for (const auto& queue : device->queues) {
            for (Submit& work : queue->submits) done(work);
            queue->submits.clear();
            changed.wait(lock, [&] { return !queue->busy; });
        }
    }
    changed.notify_all();
}

std::optional<VkResult> Driver::injected(const char* function, bool of_layer) {
    if (order_.calls_left > 0 && order_.function == function &&
        (of_layer || !order_.of_layer_only) && --order_.calls_left == 0) {
        return order_.result;
    }
    const auto found = failing_.find(function);
    if (found != failing_.end()) return found->second;
    return std::nullopt;
}

std::chrono::milliseconds Driver::delay_of(const char* function) const {
    const auto found = delays_.find(function);
    return found == delays_.end() ? std::chrono::milliseconds(0) : found->second;
}

bool Driver::add(Object& object, const char* kind, Object* parent,
                 const VkAllocationCallbacks* allocator) {
    if (allocator) {
        object.callbacks = *allocator;
        object.app_memory = allocator->pfnAllocation(allocator->pUserData, 64, 16,
                                                     VK_SYSTEM_ALLOCATION_SCOPE_OBJECT);
        if (!object.app_memory) return false;
    }
    object.kind = kind;
    object.parent = parent;
    object.id = ++last_id_;
    return true;
}

Object* Driver::find_object(std::uint64_t handle, const char* kind, const Object* parent) {
    const auto found = objects_.find(handle);
    if (found == objects_.end()) {
        error(std::string("unknown ") + kind + " " + hex(handle));
        return nullptr;
    }
    Object& object = *found->second;
    if (std::string(object.kind) != kind) {
        error(std::string("a ") + object.kind + " in place of a " + kind);
        return nullptr;
    }
    if (object.dead) {
        error(std::string("use of a ") + kind + " that was destroyed");
        return nullptr;
    }
    if (parent && object.parent != parent) {
        error(std::string("a ") + kind + " of another device");
        return nullptr;
    }
    return &object;
}

void Driver::end(Object& object, const VkAllocationCallbacks* allocator) {
    if (object.dead) {
        error(std::string("a ") + object.kind + " is destroyed twice");
        return;
    }
    if (object.pending > 0) error(std::string("a ") + object.kind + " is destroyed while in use");
    if ((allocator != nullptr) != (object.app_memory != nullptr)) {
        error(std::string("a ") + object.kind + " is destroyed with another allocator");
    }
    if (object.app_memory) {
        object.callbacks.pfnFree(object.callbacks.pUserData, object.app_memory);
        object.app_memory = nullptr;
    }
    object.dead = true;
}

void Driver::expect_childless(const Object& parent) {
    for (const auto& [id, object] : objects_) {
        if (object->parent == &parent && !object->dead) {
            error(std::string("a ") + object->kind + " outlives its " + parent.kind);
        }
    }
}

Served::Served(const char* function, const void* queue, const void* caller)
    : function_(function),
      queue_(queue),
      of_layer_(is_of_layer(function, caller)),
      outer_(t_served) {
    bool shared = false;
    if (queue_) {
        const std::lock_guard lock(g_use_mutex);
        shared = !g_queues_in_use.insert(queue_).second;
        if (shared) queue_ = nullptr;
    }
    lock_ = std::unique_lock(driver().mutex);
    t_served = this;
    if (const auto time = driver().delay_of(function); time.count() > 0) {
        ++driver().delayed_calls;
        lock_.unlock();
        std::this_thread::sleep_for(time);
        lock_.lock();
        --driver().delayed_calls;
    }
    if (driver().logging) {
        call_ = &driver().log.emplace_back();
        call_->name = function;
        call_->thread = ::gettid();
        call_->of_layer = of_layer_;
    }
    if (shared) driver().error("the queue is in use by another thread");
}

Served::~Served() {
    t_served = outer_;
    if (lock_.owns_lock()) lock_.unlock();
    if (queue_) {
        const std::lock_guard lock(g_use_mutex);
        g_queues_in_use.erase(queue_);
    }
}

Served::Inside::Inside() {
    ++t_depth;
}

Served::Inside::~Inside() {
    --t_depth;
}

Served& Served::current() {
    return *t_served;
}

std::optional<VkResult> Served::injected() {
    const auto result = driver().injected(function_, of_layer_);
    if (result == VK_ERROR_DEVICE_LOST) driver().lose_devices(lock_);
    if (result && call_) {
        call_->injected = true;
        call_->result = *result;
    }
    return result;
}

VkResult Served::end(VkResult result) {
    if (call_ && driver().logging) call_->result = result;
    return result;
}

void Served::note(const std::string& argument, std::uint64_t value) {
    if (call_ && driver().logging) call_->arguments[argument] = value;
}

void Served::note_chain(const void* chain) {
    if (!call_ || !driver().logging) return;
    for (auto* at = static_cast<const VkBaseInStructure*>(chain); at; at = at->pNext) {
        call_->chain.push_back(at->sType);
    }
}

void error(const std::string& text) {
    driver().error(text);
}

void note_chain(const void* chain, const Device* device) {
    Served::current().note_chain(chain);
    struct Known {
        VkStructureType type;
        const char* extension;
    };
    // Structures that ask for something, of extensions that are in no version of Vulkan.
    constexpr Known kKnown[] = {
        {VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT, "VK_EXT_external_memory_host"},
        {VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR, "VK_KHR_external_memory_fd"},
        {VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
         "VK_EXT_image_drm_format_modifier"},
        {VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
         "VK_EXT_image_drm_format_modifier"},
    };
    for (auto* at = static_cast<const VkBaseInStructure*>(chain); at; at = at->pNext) {
        for (const Known& known : kKnown) {
            if (known.type == at->sType && device && !device->extensions.count(known.extension)) {
                error(std::string("chains a structure of ") + known.extension +
                      ", which is not enabled");
            }
        }
        // Loader and layers know their swapchains; a driver has never heard of ours.
        if (at->sType == VK_STRUCTURE_TYPE_IMAGE_SWAPCHAIN_CREATE_INFO_KHR) {
            const auto* info = reinterpret_cast<const VkImageSwapchainCreateInfoKHR*>(at);
            if (info->swapchain != VK_NULL_HANDLE) {
                (void)driver().find<Swapchain>(info->swapchain, "swapchain", device);
            }
        }
        if (at->sType == VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_SWAPCHAIN_INFO_KHR) {
            const auto* info = reinterpret_cast<const VkBindImageMemorySwapchainInfoKHR*>(at);
            if (info->swapchain != VK_NULL_HANDLE) {
                (void)driver().find<Swapchain>(info->swapchain, "swapchain", device);
            }
        }
    }
}

const Function* find_function(const char* name) {
    static const auto* const functions = [] {
        auto* all = new std::unordered_map<std::string, Function>;
        for (const auto& some : {instance_functions(), surface_functions(), device_functions(),
                                 memory_functions(), command_functions(), sync_functions(),
                                 swapchain_functions(), rendering_functions()}) {
            for (const Function& function : some) all->emplace(function.name, function);
        }
        return all;
    }();
    const auto found = functions->find(name);
    return found == functions->end() ? nullptr : &found->second;
}

}  // namespace vdmabuf::fake

extern "C" __attribute__((visibility("default"))) vdmabuf::fake::Control* fake_driver() {
    return &vdmabuf::fake::driver();
}
