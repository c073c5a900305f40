"""Acquisition functions: what to label next. One method, or one tight family, a file.

Adding a method is adding a file here with a function under ``@register(...)`` (base.py); a
package of its own registers the module that holds it by the entry point ``balent.acquisition``.

References
Ash 2020      J. T. Ash et al., Deep batch active learning by diverse, uncertain gradient lower
              bounds, ICLR 2020: BADGE
Freeman 1965  L. G. Freeman, Elementary applied statistics: variation ratio
Houlsby 2011  N. Houlsby et al., Bayesian active learning for classification and preference
              learning: BALD
Kirsch 2019   A. Kirsch, J. van Amersfoort and Y. Gal, BatchBALD: efficient and diverse batch
              acquisition for deep Bayesian active learning, NeurIPS 2019
Kirsch 2021   A. Kirsch et al., Stochastic batch acquisition for deep active learning: PowerBALD
Minoux 1978   M. Minoux, Accelerated greedy algorithms for maximizing submodular set functions
Rubashevskii 2023
              A. Rubashevskii et al., Scalable batch acquisition for deep Bayesian active learning,
              SDM 2023: Large BatchBALD
Sener 2018    O. Sener and S. Savarese, Active learning for convolutional neural networks: a
              core-set approach, ICLR 2018
Tan 2021      W. Tan, L. Du and W. Buntine, Diversity enhanced active learning with strictly proper
              scoring rules, NeurIPS 2021: CoreMSE
Woo 2023      J. O. Woo, Active learning in Bayesian neural networks with balanced entropy learning
              principle, ICLR 2023: BalEntAcq, and the definitions of section 2.2
Zhang 2023    R. Zhang et al., Scalable batch-mode deep Bayesian active learning via equivalence
              class annealing, ICLR 2023: BALanCe
"""
