from asr.families.toy.model.net import read, transcribe


class Writer:
    num_workers, device = 1, "cpu"

    def __init__(self, folder):
        self.net, self.letters = read(folder)

    def transcribe(self, waveforms, utterances, context_s, budgets):
        return transcribe(self.net, self.letters, waveforms, utterances, context_s)
