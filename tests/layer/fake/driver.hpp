// SPDX-License-Identifier: MIT
// The state of the fake driver: its objects, what the test has ordered, what it was called with.
#pragma once

#include <atomic>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "layer/vulkan.hpp"
#include "tests/layer/fake/objects.hpp"

namespace vdmabuf::fake {

using layer::find_in_chain;
using layer::handle_bits;

class Driver final : public Control {
  public:
    void reset(const Config& config) override;
    void fail(const std::string& function, std::uint32_t nth, VkResult result) override;
    void fail_of_layer(const std::string& function, std::uint32_t nth, VkResult result) override;
    void fail_always(const std::string& function, VkResult result) override;
    void stop_failing() override;
    void delay(const std::string& function, std::chrono::milliseconds time) override;
    std::size_t delayed() override;
    void set_gpu_time(std::chrono::microseconds time) override;
    void hold_gpu(bool held) override;
    std::vector<Call> calls() override;
    void forget_calls() override;
    void log_calls(bool wanted) override;
    std::vector<std::string> errors() override;
    void forget_errors() override;
    std::map<std::string, std::size_t> alive() override;
    const std::atomic<int>& depth() const override;

    // All below under `mutex`.
    void error(const std::string& text);
    // Drops what is submitted.
    void lose_devices(std::unique_lock<std::mutex>& lock);
    std::optional<VkResult> injected(const char* function, bool of_layer);
    std::chrono::milliseconds delay_of(const char* function) const;

    // Takes the object in, with memory of the app's allocator where the call has one. False: there
    // was no memory.
    bool add(Object& object, const char* kind, Object* parent,
             const VkAllocationCallbacks* allocator);
    template <typename T>
    T* make(const char* kind, Object* parent, const VkAllocationCallbacks* allocator) {
        auto object = std::make_unique<T>();
        if (!add(*object, kind, parent, allocator)) return nullptr;
        T* const made = object.get();
        objects_.emplace(made->id, std::move(object));
        return made;
    }
    // The object behind a handle, if it is one of this type and alive, and of `parent` if that is
    // given; else an error and nullptr.
    template <typename T, typename Handle>
    T* find(Handle handle, const char* kind, const Object* parent = nullptr) {
        return static_cast<T*>(find_object(handle_bits(handle), kind, parent));
    }
    Object* find_object(std::uint64_t handle, const char* kind, const Object* parent);
    bool is_alive(const Object* object) const { return !object->dead; }
    // Ends it. What is wrong with that becomes an error.
    void end(Object& object, const VkAllocationCallbacks* allocator);
    // Objects of this parent that are alive become errors.
    void expect_childless(const Object& parent);
    template <typename Visit>
    void for_each_child(const Object& parent, Visit&& visit) {
        for (auto& [id, object] : objects_) {
            if (object->parent == &parent && !object->dead) visit(*object);
        }
    }

    Config config;
    std::uint32_t generation = 0;  // how often reset() was called
    std::mutex mutex;
    std::condition_variable changed;  // something has signalled, was submitted, or is over
    std::chrono::microseconds gpu_time{0};
    bool gpu_held = false;
    bool logging = true;
    std::size_t delayed_calls = 0;
    std::deque<Call> log;

  private:
    struct Order {
        std::string function;
        std::uint32_t calls_left = 0;
        bool of_layer_only = false;
        VkResult result = VK_SUCCESS;
    };

    std::vector<std::string> errors_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Object>> objects_;
    std::vector<std::unique_ptr<Object>> graveyard_;
    std::uint64_t last_id_ = 0xfa4e00000000u;
    Order order_;
    std::map<std::string, VkResult> failing_;
    std::map<std::string, std::chrono::milliseconds> delays_;
};

Driver& driver();

// A call that is being served: holds the driver's mutex, and its line in the log.
class Served {
  public:
    // The thread is inside of the driver while it lives.
    struct Inside {
        Inside();
        ~Inside();
    };
    // `caller`: where the call will return to.
    Served(const char* function, const void* queue, const void* caller);
    ~Served();
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    static Served& current();
    std::optional<VkResult> injected();
    VkResult end(VkResult result);
    void note(const std::string& argument, std::uint64_t value);
    void note_chain(const void* chain);
    std::unique_lock<std::mutex>& lock() { return lock_; }
    const char* function() const { return function_; }

  private:
    const Inside inside_;  // first and last
    const char* function_;
    const void* queue_;
    const bool of_layer_;
    Served* outer_;
    std::unique_lock<std::mutex> lock_;
    Call* call_ = nullptr;
};

inline void note(const std::string& argument, std::uint64_t value) {
    Served::current().note(argument, value);
}
// Logs the chain, and complains of structures of extensions that are not enabled.
void note_chain(const void* chain, const Device* device);
void error(const std::string& text);

template <std::size_t N>
struct Name {
    char text[N]{};
    consteval Name(const char (&from)[N]) {  // NOLINT: names are written as literals
        for (std::size_t i = 0; i < N; ++i) text[i] = from[i];
    }
};

// The function that the loader gets for `Function`.
template <Name name, auto Function>
struct Entry;
template <Name name, typename R, typename... A, R (*Function)(A...)>
struct Entry<name, Function> {
    static VKAPI_ATTR R VKAPI_CALL call(A... arguments) {
        const void* queue = nullptr;
        if constexpr (sizeof...(A) > 0) {
            using First = std::tuple_element_t<0, std::tuple<A...>>;
            if constexpr (std::is_same_v<First, VkQueue>) queue = first(arguments...);
        }
        Served served(name.text, queue, __builtin_return_address(0));
        if constexpr (std::is_same_v<R, VkResult>) {
            if (const auto injected = served.injected()) {
                (forget_count(arguments), ...);
                return *injected;
            }
            return served.end(Function(arguments...));
        } else {
            return Function(arguments...);
        }
    }
    template <typename First, typename... Rest>
    static const void* first(First value, Rest...) {
        return value;
    }
    // The loader (1.3.239) looks at the counts of calls that have failed, and makes arrays of that
    // size on its stack.
    template <typename Argument>
    static void forget_count(Argument argument) {
        constexpr bool kCounts = std::string_view(name.text).starts_with("Enumerate");
        if constexpr (kCounts && std::is_same_v<Argument, std::uint32_t*>) *argument = 0;
    }
};

struct Function {
    const char* name;
    PFN_vkVoidFunction pointer;
    const char* extension;      // "": of Vulkan 1.0
    std::uint32_t api_version;  // from which it is core; 0: never
};
#define FAKE_IN(function, extension, version)                                                     \
    {                                                                                             \
        "vk" #function, reinterpret_cast<PFN_vkVoidFunction>(&Entry<#function, &function>::call), \
            extension, version                                                                    \
    }
#define FAKE(function) FAKE_IN(function, "", VK_API_VERSION_1_0)

// What the files bring.
std::vector<Function> instance_functions();
std::vector<Function> surface_functions();
std::vector<Function> device_functions();
std::vector<Function> memory_functions();
std::vector<Function> command_functions();
std::vector<Function> sync_functions();
std::vector<Function> rendering_functions();
std::vector<Function> swapchain_functions();
const Function* find_function(const char* name);

// Handles.
template <typename Handle>
Handle handle_of(std::uint64_t bits) {
    return layer::handle_of<Handle>(
        reinterpret_cast<const void*>(static_cast<std::uintptr_t>(bits)));
}
template <typename T, typename Handle>
T* dispatched(Handle handle, const char* kind) {
    Object* object = reinterpret_cast<Dispatchable*>(handle)->object;
    if (object->dead || std::string(object->kind) != kind) {
        error(std::string("a ") + kind + " that is none any more");
    }
    return static_cast<T*>(object);
}
inline Device& device_of(VkDevice handle) {
    return *dispatched<Device>(handle, "device");
}
inline Queue& queue_of(VkQueue handle) {
    return *dispatched<Queue>(handle, "queue");
}
inline PhysicalDevice& physical_of(VkPhysicalDevice handle) {
    return *dispatched<PhysicalDevice>(handle, "physical device");
}

// Images, shared by queries and creation.
std::uint32_t bytes_per_pixel(VkFormat format);  // 0: not known
VkFormatFeatureFlags features_of(const PhysicalDevice& physical, VkImageTiling tiling,
                                 std::uint64_t modifier);
VkResult check_image(const PhysicalDevice& physical, const VkPhysicalDeviceImageFormatInfo2& info,
                     VkExternalMemoryProperties* external);
Image* make_image(Device& device, const VkImageCreateInfo& info,
                  const VkAllocationCallbacks* allocator, VkResult& result);
Memory* make_memory(Device& device, VkDeviceSize size, std::uint32_t type);

// Command buffers.
CommandBuffer& command_buffer_of(VkCommandBuffer handle);
void record(CommandBuffer& buffer, Command command, std::initializer_list<Object*> used);
std::byte* texel_at(const Image& image, std::uint32_t x, std::uint32_t y);
// What forbids the GPU to use the image in this layout; or nothing.
std::string usable(const Image& image, VkImageLayout layout, const Queue& queue);

// The GPU.
void start_gpu(Device& device);
void stop_gpu(Device& device);
void submit(Queue& queue, Submit&& work);
void signal(Payload& payload);
// Signals, and lets go of the objects.
void done(Submit& work);
bool has_signalled(Payload& payload);
// A present or acquire of the driver's own swapchain, by these.
void consume_wait(Queue& queue, VkSemaphore semaphore, Submit& work);
void promise_signal(Queue& queue, VkSemaphore semaphore, Submit& work);
void promise_signal(Queue& queue, VkFence fence, Submit& work);

}  // namespace vdmabuf::fake
