"""One meta-iteration of each kind of learner.

In: an experiment. Out: meta-parameters that improve, and a `learner.Report` on each of them.
Contract: `learner.Learner`; `gradient_meta_learner.GradientMetaLearner` for those that differentiate adaptation.
"""
