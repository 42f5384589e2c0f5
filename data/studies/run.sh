#!/bin/sh
# Every study of docs/studies.md: what the patterns predict beside what other methods find.  Run from the repository's root; each file
# begins with the command that made it.  Files *_network.csv sample the networks themselves (minutes of CPU); the attention
# and three-layer ones take most of it.  A method that is added to ldt.scaling.studies.METHODS is added here as one more --method.
set -e
program="${LDT_RATE:-ldt-rate}"
models=data/models
out="${1:-data/studies}"

rate() { # 3: answered, with a warning that the record shows
    "$program" "$@" || [ $? -eq 3 ]
}

rate study $models/linear_cnn_patterns.toml --values 100,900,10000,90000,1000000 \
    --method exact --method closed-form --method importance --method patterns --seed 1 -o "$out/linear_cnn.csv"
rate study $models/two_layer_erf.toml --values 5,10,20,50,100,200,500,1000 \
    --method exact --method importance --method patterns --method energies --seed 2 -o "$out/two_layer.csv"
rate study $models/cnn.toml --values 16,100,400,2500,10000,90000,1000000 \
    --method exact --method importance --method patterns --method energies --seed 3 -o "$out/cnn.csv"
rate study $models/attention.toml --base L --at d=30 --values 4,10,30,100,300,1000,3000 \
    --method exact --method closed-form --method patterns --seed 4 -o "$out/attention_L.csv"
rate study $models/parity_relu.toml --values 10,100,1000,10000 --method patterns --seed 5 -o "$out/parity.csv"

rate study $models/two_layer_erf.toml --values 5,10,20 \
    --method exact --method energies --method splitting --seed 7 -o "$out/two_layer_network.csv"
rate study $models/cnn.toml --values 16,36,100 \
    --method exact --method energies --method splitting --seed 8 -o "$out/cnn_network.csv"
rate study $models/linear_cnn_patterns.toml --values 16,36,100 \
    --method exact --method energies --method splitting --seed 9 -o "$out/linear_cnn_network.csv"
rate study $models/parity_relu.toml --values 5,10,20 --method patterns --method splitting --seed 10 -o "$out/parity_network.csv"
for ratio in 1 4 16; do
    values=4,8
    [ $ratio -eq 16 ] && values=4
    rate study $models/three_layer_erf.toml --at "N1=$ratio*d" --values $values --method energies --method hamiltonian \
        --replicates 4 --particles 8 --moves 24 --points 2048 --seed 11 -o "$out/three_layer_${ratio}_network.csv"
done
rate study $models/attention.toml --base L --at d=4 --values 4,8,16,32 --level 0.3 --method exact --method splitting \
    --moves 2 --points 512 --seed 12 -o "$out/attention_L_network.csv"

for ratio in 1 4 16; do
    rate study $models/three_layer_erf.toml --at "N1=$ratio*d" --values 8,12,16 \
        --method energies --method bound --method patterns --seed 6 -o "$out/three_layer_$ratio.csv"
done
