// The list of sub-commands: one file each, one line here and one in main.cpp.
#pragma once
#include <CLI/CLI.hpp>

namespace mho::cli {

void add_run(CLI::App& mho);              // mho run
void add_calibrate(CLI::App& mho);        // mho calibrate
void add_chip_program(CLI::App& chip);    // mho chip …
void add_chip_map(CLI::App& chip);
void add_chip_infer(CLI::App& chip);
void add_chip_energy(CLI::App& chip);
void add_chip_ablate(CLI::App& chip);
void add_bench_energy(CLI::App& bench);   // mho bench …
void add_validate_neuron(CLI::App& validate);  // mho validate …
void add_validate_calibration(CLI::App& validate);
void add_validate_fastpath(CLI::App& validate);
void add_validate_array(CLI::App& validate);
void add_validate_solver(CLI::App& validate);
void add_validate_spice(CLI::App& validate);
void add_neuron_simulate(CLI::App& neuron);     // mho neuron …
void add_neuron_levels(CLI::App& neuron);
void add_neuron_check(CLI::App& neuron);
void add_neuron_modes(CLI::App& neuron);
void add_neuron_export(CLI::App& neuron);
void add_neuron_sweep(CLI::App& neuron);
void add_neuron_montecarlo(CLI::App& neuron);
void add_neuron_energy(CLI::App& neuron);
void add_validate_devices(CLI::App& validate);
void add_validate_modes(CLI::App& validate);
void add_device_list(CLI::App& device);         // mho device …
void add_device_show(CLI::App& device);
void add_device_iv(CLI::App& device);
void add_device_pulse(CLI::App& device);
void add_device_program(CLI::App& device);
void add_device_relax(CLI::App& device);
void add_device_export(CLI::App& device);
void add_device_fit(CLI::App& device);
void add_card_fit(CLI::App& card);              // mho card …
void add_card_judge(CLI::App& card);
void add_config(CLI::App& mho);           // mho config check | dump
void add_train(CLI::App& mho);
void add_version(CLI::App& mho);

}  // namespace mho::cli
