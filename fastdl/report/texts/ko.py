"""The page in Korean, with the terms of the book's Korean edition."""

from __future__ import annotations

from collections.abc import Mapping

from fastdl.report.texts import Technique, Words

WORDS = Words(
    title="학습 관련 기술들",
    lede=(
        "『밑바닥부터 시작하는 딥러닝』 6장은 신경망 학습에 관한 스무 가지 남짓한 주장을 담고 있습니다. 이 페이지는 그 "
        "주장을 "
        "하나씩 실험으로 확인합니다. 아이디어와 수식, 그리고 fastdl을 한 번 실행해서 얻은 그림과 수치를 차례로 보여 "
        "줍니다."
    ),
    skip="본문으로 건너뛰기",
    contents="차례",
    theme="밝게 / 어둡게",
    run="실행 환경",
    data="데이터",
    seed="시드",
    threads="스레드",
    machine="컴퓨터",
    versions="버전",
    date="날짜",
    duration="걸린 시간",
    seconds="{:.0f}초",
    under_a_second="1초 미만",
    summary="주장 {total}개 가운데 {held}개 성립",
    summary_failed="{failed}개는 실행하지 못함",
    summary_faster="NumPy보다 빠른 정도의 중앙값 {:.1f}배",
    overview="한눈에 보기",
    overview_note="배수는 해당 기법의 계산을 fastdl이 순수 NumPy보다 몇 배 빠르게 했는지를 나타냅니다.",
    technique="기법",
    formula="수식",
    claim="주장",
    numbers="수치",
    speed="속도",
    holds="성립",
    does_not_hold="성립하지 않음",
    failed="실행하지 못함",
    failed_text="실험이 다음 오류로 중단되었습니다.",
    faster="순수 NumPy보다 {:.1f}배 빠름",
    slower="순수 NumPy의 {:.2f}배 속도",
    speed_note="측정 대상은 {work}입니다. 실험 전체에 걸린 시간은 {seconds}입니다.",
    figure="그림: {title}",
    enlarge="크게 보기",
    close="닫기",
    milliseconds="{:.2f}ms",
    microseconds="{:.0f}µs",
    colophon=(
        "속도는 양쪽 모두 float32로, 같은 컴퓨터에서 같은 가중치로 시작해 번갈아 가며 쟀습니다. 표시한 시간은 가장 "
        "빨랐던 "
        "차례의 중앙값입니다. 그림 속 글자는 영어로 남겨 두었습니다."
    ),
    work={
        "step": "신경망 {network}의 {optimizer} 학습 한 단계(이미지 {batch}장)",
        "gradient": "신경망 {network}의 오차역전파법 기울기 계산(이미지 {batch}장)",
        "forward": "신경망 {network}의 순전파(이미지 {batch}장)",
        "batch_norm": "배치 정규화의 순전파와 역전파(이미지 {batch}장, 뉴런 {units}개)",
        "dropout": "드롭아웃의 순전파와 역전파(이미지 {batch}장, 뉴런 {units}개)",
    },
    groups={
        "updating": "매개변수 갱신",
        "weights": "가중치의 초깃값",
        "normalization": "배치 정규화",
        "overfitting": "바른 학습을 위해",
        "hyperparameters": "적절한 하이퍼파라미터 값 찾기",
    },
    group_ideas={
        "updating": (
            "신경망 학습의 목적은 손실 함수의 값을 가능한 한 낮추는 매개변수를 찾는 것입니다. 기울기는 지금 서 있는 "
            "지점에서 손실이 줄어드는 방향만 알려 줍니다. 이 절의 기법들은 그 기울기를 어떻게 활용하느냐가 서로 "
            "다릅니다."
        ),
        "weights": (
            "가중치의 초깃값을 무엇으로 하느냐가 학습의 성패를 가르기도 합니다. 중요한 것은 각 층의 활성화값과 "
            "기울기가 "
            "얼마나 고르게 퍼지느냐입니다."
        ),
        "normalization": (
            "좋은 초깃값을 골라 활성화값이 고르게 퍼지기를 기대하는 대신, 각 층이 단계마다 활성화값을 고르게 "
            "퍼뜨리도록 "
            "강제할 수 있습니다."
        ),
        "overfitting": (
            "매개변수가 많은 신경망은 이미지 몇백 장쯤은 통째로 외워 버립니다. 이 절의 기법들은 오버피팅을 억제해 처음 "
            "보는 "
            "이미지도 잘 맞히게 합니다."
        ),
        "hyperparameters": (
            "뉴런 수, 학습률, 가중치 감소 계수는 학습으로 정해지지 않습니다. 따로 떼어 둔 검증 데이터로 평가하면서 "
            "찾아야 합니다."
        ),
    },
    race={
        "title": "갱신 기법 경주",
        "idea": (
            "곡면과 기법을 고르고 슬라이더를 움직이면 경로가 곧바로 바뀝니다. ‘재생’을 누르면 모든 기법이 같은 "
            "지점에서 함께 "
            "출발합니다."
        ),
        "surface": "곡면",
        "optimizer": "조절할 기법",
        "lr": "학습률 η",
        "memory_momentum": "모멘텀 계수 α",
        "memory_nesterov": "모멘텀 계수 α",
        "memory_rmsprop": "감쇠율 ρ",
        "memory_adam": "감쇠율 β₁",
        "play": "재생",
        "pause": "일시 정지",
        "reset": "설정 되돌리기",
        "step": "단계",
        "shown": "표시",
        "value": "f(x, y)",
        "rate": "η",
        "away": "그림을 벗어남",
        "plot": "곡면의 등고선과 출발점에서 시작한 각 기법의 경로. 값은 표에 있습니다.",
        "minimum": "최솟값",
        "start": "출발점",
        "noscript": "경주를 보려면 자바스크립트가 필요합니다. 이 절의 그림에서 같은 경로를 볼 수 있습니다.",
        "note": (
            "이 경로는 위의 수식에 따라 페이지가 직접 계산한 것이며, fastdl의 계산 결과와 같은지 테스트로 확인합니다."
        ),
    },
    surfaces={
        "valley": "책의 골짜기 x²/20 + y²",
        "long": "더 긴 골짜기 x²/200 + 2y²",
        "turned": "30° 돌린 긴 골짜기",
        "saddle": "안장점 x² − y²/20 + y⁴/160",
        "beale": "빌(Beale) 함수",
    },
)

TECHNIQUES: Mapping[str, Technique] = {
    "gradient_descent": Technique(
        "확률적 경사 하강법(SGD)",
        (
            "경사 하강법은 손실 함수의 기울기를 구해 기울어진 방향으로 조금씩 나아가는 일을 되풀이합니다.",
            "훈련 데이터 전체로 구한 기울기는 정확하지만 비용이 크고, 미니배치로 구한 기울기는 잡음이 섞이지만 비용이 "
            "훨씬 "
            "적습니다.",
            "그래서 SGD는 같은 계산량으로 훨씬 여러 번 나아가며, 잡음은 그사이에 서로 상쇄됩니다.",
        ),
        "미니배치로 한 걸음 나아가는 비용은 전체 이미지를 쓸 때의 일부에 지나지 않으며, 경로에 잡음이 섞이지만 거의 "
        "그만큼 나아간다",
    ),
    "anisotropy": Technique(
        "SGD의 단점: 비등방성 함수",
        (
            "이 함수는 가로지르는 방향으로는 가파르고 바닥을 따라서는 거의 평평한, 길쭉한 골짜기 모양입니다.",
            "기울기의 반대 방향은 가장 가파르게 내려가는 방향이어서, 최솟값이 아니라 골짜기 건너편을 가리킵니다.",
            "가파른 방향에 맞춘 학습률은 평평한 방향에는 너무 작으므로, SGD는 지그재그로 비효율적으로 움직입니다.",
        ),
        "SGD는 긴 골짜기에서 지그재그로 움직인다. 기울기가 최솟값을 가리키지 않기 때문이다",
    ),
    "momentum": Technique(
        "모멘텀",
        (
            "모멘텀은 속도 v를 두고 기울기를 속도를 바꾸는 힘으로 쓰며, 0.9 같은 값을 쓰는 α는 마찰에 해당합니다.",
            "방향이 번갈아 바뀌는 힘은 서로 상쇄되고, 같은 방향으로 받는 힘은 차곡차곡 쌓입니다.",
            "그 결과 공이 그릇 바닥을 구르듯 움직이며, SGD보다 지그재그가 줄어듭니다.",
        ),
        "모멘텀은 공처럼 굴러, 골짜기를 따라 속도를 얻고 SGD보다 지그재그가 줄어든다",
    ),
    "nesterov": Technique(
        "네스테로프 모멘텀",
        (
            "기울기가 어떻든 매개변수는 속도에 실려 대략 W + αv까지 갑니다.",
            "그래서 네스테로프 방법은 지금 위치 W가 아니라 한 걸음 앞에서 기울기를 구합니다.",
            "오르막에 들어서기 전에 미리 알아채므로 모멘텀보다 덜 지나칩니다.",
        ),
        "한 걸음 앞을 내다보는 네스테로프 모멘텀은 모멘텀보다 덜 지나친다",
    ),
    "adagrad": Technique(
        "AdaGrad",
        (
            "AdaGrad는 매개변수 각각에 맞춤형 학습률을 만들어 줍니다.",
            "기울기의 제곱을 h에 계속 더하고 그 제곱근으로 나누므로, 많이 움직인 매개변수는 학습률이 작아집니다.",
            "다만 h는 커지기만 하므로 오래 학습하면 갱신량이 0에 가까워집니다.",
        ),
        "AdaGrad는 최솟값으로 곧장 나아가지만, 오래 학습하면 갱신량이 0에 가까워진다",
    ),
    "rmsprop": Technique(
        "RMSprop",
        (
            "RMSprop은 AdaGrad의 갱신량이 점점 사라지는 문제를 개선한 기법입니다.",
            "기울기의 제곱을 모두 더하는 대신 지수이동평균을 써서, 먼 과거의 기울기를 ρ의 비율로 서서히 잊습니다.",
            "그래서 기울기가 비슷하게 이어지는 동안에는 갱신량도 줄어들지 않습니다.",
        ),
        "RMSprop은 오래된 기울기를 잊으므로 AdaGrad와 달리 갱신량이 줄어들지 않는다",
    ),
    "adam": Technique(
        "Adam",
        (
            "Adam은 두 아이디어를 합친 기법으로, 모멘텀처럼 기울기의 이동평균을 구하고 RMSprop처럼 기울기 제곱의 "
            "이동평균의 "
            "제곱근으로 나눕니다.",
            "두 평균은 0에서 시작하므로 처음 몇 단계에서는 편향 보정으로 이를 바로잡습니다.",
            "경로는 모멘텀과 비슷하지만 좌우 흔들림이 적습니다.",
        ),
        "Adam은 모멘텀과 비슷한 경로를 따르되 흔들림이 적다",
    ),
    "family": Technique(
        "그 밖의 기법들",
        (
            "많은 최적화 기법은 앞의 기법에서 한 가지를 바꾼 것입니다.",
            "Adadelta는 학습률이 필요 없고, Adamax는 제곱 평균 대신 가장 큰 기울기를 쓰며, Nadam은 네스테로프처럼 앞을 "
            "내다보고, AdamW는 가중치 감소를 기울기와 분리하고, Ftrl은 가중치를 정확히 0으로 묶어 둘 수 있습니다.",
            "계통도를 보면 각 기법이 어느 기법에 무엇을 더했는지 알 수 있습니다.",
        ),
        "각 기법은 아이디어를 하나씩 더한 것이어서, 그 아이디어를 빼면 바탕이 된 기법과 같아진다",
    ),
    "learning_rate_decay": Technique(
        "학습률 감소",
        (
            "큰 걸음은 처음에는 빨리 나아가지만, 나중에는 최솟값 주위를 계속 맴돕니다.",
            "학습률 감소는 학습을 진행하면서 학습률을 계단식, 지수, 시간의 역수, 코사인 꼴로 점차 낮추는 방법입니다.",
            "반대로 웜업은 맨 처음 기울기가 안정될 때까지 학습률을 서서히 높입니다.",
        ),
        "나중에 걸음을 줄이면 학습이 더 나아간다. 학습률을 줄이면 어떤 고정 학습률보다도 최소 손실에 더 가까워진다",
    ),
    "hard_surfaces": Technique(
        "까다로운 곡면들",
        (
            "긴 골짜기, 안장점, 빌(Beale) 함수는 저마다 다른 방식으로 최적화를 어렵게 합니다.",
            "안장점에서는 내려갈 길이 있는데도 기울기가 0에 가까워지므로, 작은 기울기를 키우는 기법은 빠져나오고 "
            "그대로 "
            "따르는 기법은 갇힙니다.",
            "매개변수마다 학습률을 맞추는 방식은 골짜기가 축과 나란할 때 효과가 있고, 비스듬할 때는 속도만 도움이 "
            "됩니다.",
        ),
        "SGD는 긴 골짜기에서 갇히고 안장점에서도 가장 늦다. 골짜기가 비스듬하면 속도를 쓰는 기법만 도움이 된다",
    ),
    "optimizers": Technique(
        "이미지로 본 갱신 기법 비교",
        (
            "매개변수가 둘인 곡면은 그림으로 그릴 수 있지만, 신경망의 매개변수는 10만 개에 이릅니다.",
            "여기서는 ReLU 뉴런 100개짜리 은닉층을 네 개 쌓은 책의 신경망을 각 기법의 기본 설정으로 학습시킵니다.",
            "모두 같은 가중치에서 시작해 같은 미니배치를 보므로, 곡선의 차이는 오로지 갱신 기법에서 나옵니다.",
        ),
        "기본 설정에서는 SGD가 가장 느리고, 모멘텀, AdaGrad, Adam은 서로 비슷하다",
    ),
    "zero_weights": Technique(
        "초깃값이 모두 같다면",
        (
            "한 층의 가중치를 모두 0이나 같은 값으로 초기화하면 그 층의 뉴런은 모두 같은 값을 출력합니다.",
            "그러면 오차역전파법에서 기울기도 똑같이 받으므로, 갱신한 뒤에도 가중치가 모두 같은 채로 남습니다.",
            "뉴런이 아무리 많아도 하나만 있는 것과 같으므로, 초깃값을 무작위로 정해 대칭을 깨야 합니다.",
        ),
        "가중치를 모두 0이나 같은 값으로 초기화하면 한 층의 뉴런이 계속 똑같은 채로 남아 거의 아무것도 학습하지 못한다",
    ),
    "activations": Technique(
        "은닉층의 활성화값 분포",
        (
            "무작위로 만든 입력 1,000개를 뉴런 100개짜리 층 다섯 개에 통과시키고, 각 층의 활성화값을 히스토그램으로 "
            "그립니다.",
            "가중치가 너무 크면 시그모이드의 출력이 0과 1에 치우쳐 기울기가 사라지고, 너무 작으면 한 값에 몰려 "
            "표현력이 "
            "떨어집니다.",
            "Xavier 초깃값과 He 초깃값은 층이 깊어져도 분포를 고르게 유지합니다.",
        ),
        "초깃값의 표준편차에 따라 활성화값이 0과 1에 치우치거나, 한 값에 몰리거나, 고르게 퍼진다",
    ),
    "initial_weights": Technique(
        "가중치 초깃값 비교",
        (
            "가중치 초깃값의 표준편차는 앞 층의 노드 수 n에 맞춰 정하는 것이 좋습니다.",
            "Xavier 초깃값 √(1/n)은 0 부근에서 선형인 활성화 함수에 알맞고, He 초깃값 √(2/n)은 ReLU가 음의 영역을 "
            "0으로 "
            "만드는 만큼을 보완합니다.",
            "표준편차를 0.01로 고정하면 층을 지날수록 신호가 약해져 학습이 이루어지지 않습니다.",
        ),
        "ReLU를 쓸 때 표준편차 0.01인 초깃값으로는 학습이 되지 않고, Xavier 초깃값으로는 학습이 되며, He 초깃값이 가장 "
        "빠르다",
    ),
    "vanishing_gradients": Technique(
        "기울기 소실과 폭발",
        (
            "기울기는 역전파되면서 층마다 가중치와 활성화 함수의 미분이 곱해집니다.",
            "그 곱이 대체로 1보다 작으면 층을 지날수록 기울기가 줄어들고, 1보다 크면 커집니다.",
            "층의 깊이에 따른 기울기의 크기를 그려 보면 초깃값에 따른 차이가 한눈에 보입니다.",
        ),
        "초깃값이 맞지 않으면 층을 거슬러 갈수록 기울기가 사라지거나 폭발한다",
    ),
    "batch_norm": Technique(
        "배치 정규화",
        (
            "배치 정규화는 미니배치를 단위로 각 뉴런의 출력을 평균 0, 분산 1이 되도록 정규화합니다.",
            "이어서 학습되는 매개변수 γ와 β로 확대와 이동을 하여 층에 필요한 분포로 되돌릴 수 있게 합니다.",
            "배치 정규화를 쓰면 학습이 빨라지고 초깃값에 크게 의존하지 않는데, 여기서는 16가지 초깃값으로 이를 "
            "확인합니다.",
        ),
        "배치 정규화를 쓰면 학습이 빨라지고, 초깃값에 크게 의존하지 않으며, 오버피팅이 줄어든다",
    ),
    "gradient_check": Technique(
        "기울기 확인",
        (
            "오차역전파법은 빠르지만 구현하다가 실수하기 쉽습니다.",
            "수치 미분은 느리지만 매개변수를 양쪽으로 조금씩 움직여 손실을 비교할 뿐이어서 틀리기 어렵습니다.",
            "배치 정규화를 넣은 신경망의 매개변수에 대해 두 방법으로 기울기를 구해 비교합니다.",
        ),
        "오차역전파법으로 구한 기울기는 모든 매개변수에서 수치 미분으로 구한 기울기와 일치한다",
    ),
    "overfitting": Technique(
        "오버피팅",
        (
            "오버피팅은 신경망이 훈련 데이터에만 지나치게 적응해 그 밖의 데이터에는 제대로 대응하지 못하는 상태를 "
            "말합니다.",
            "매개변수가 많고 훈련 데이터가 적을 때 일어나므로, 여기서는 뉴런 100개짜리 은닉층 여섯 개를 이미지 "
            "300장으로 "
            "학습시킵니다.",
            "훈련 데이터의 정확도는 높은데 시험 데이터의 정확도는 그보다 낮다면 오버피팅이 일어난 것입니다.",
        ),
        "큰 신경망은 적은 수의 이미지를 통째로 외운다. 훈련 정확도는 1에 이르지만 시험 정확도는 훨씬 낮다",
    ),
    "weight_decay": Technique(
        "가중치 감소",
        (
            "오버피팅은 가중치의 값이 커서 일어나는 경우가 많습니다.",
            "가중치 감소는 모든 가중치의 제곱합에 λ/2를 곱해 손실 함수에 더함으로써, 데이터가 요구하지 않는 한 "
            "가중치를 0 쪽으로 "
            "끌어당깁니다.",
            "훈련 정확도는 조금 떨어지지만 시험 정확도와의 차이가 줄어듭니다.",
        ),
        "가중치 감소를 쓰면 훈련 정확도와 시험 정확도의 차이가 줄고, 훈련 정확도는 1에 이르지 않는다",
    ),
    "dropout": Technique(
        "드롭아웃",
        (
            "드롭아웃은 학습할 때마다 뉴런을 무작위로 골라 꺼서, 뉴런이 서로에게 의존하지 못하게 합니다.",
            "시험 때는 모든 뉴런을 쓰고 출력에 남긴 비율을 곱하는데, fastdl은 학습할 때 미리 나누어 두며 결과는 "
            "같습니다.",
            "뉴런을 솎아 낸 수많은 신경망을 따로 학습시켜 그 평균을 쓰는 것과 같은 효과를 냅니다.",
        ),
        "드롭아웃을 쓰면 훈련 정확도와 시험 정확도의 차이가 줄어든다",
    ),
    "ensemble": Technique(
        "앙상블 학습",
        (
            "서로 다른 초깃값에서 따로 학습한 신경망들은 틀리는 곳도 서로 다릅니다.",
            "이들의 출력을 평균하면 개별 신경망보다 더 자주 맞힙니다.",
            "드롭아웃은 이와 비슷한 효과를 신경망 하나로 냅니다.",
        ),
        "따로 학습한 신경망들의 출력을 평균하면 각각보다 정확하며, 드롭아웃은 신경망 하나로 그에 가까워진다",
    ),
    "data_split": Technique(
        "훈련 데이터, 검증 데이터, 시험 데이터",
        (
            "하이퍼파라미터는 학습에 쓰지 않은 데이터에서 얼마나 잘 맞히는지를 보고 고릅니다.",
            "그 데이터로 시험 데이터를 쓰면 여러 점수 가운데 가장 높은 점수에는 운이 섞여 실제보다 좋아 보입니다.",
            "그래서 훈련 데이터를 뒤섞어 일부를 검증 데이터로 떼어 두고, 시험 데이터는 마지막에 한 번만 씁니다.",
        ),
        "하이퍼파라미터를 고를 때 쓴 데이터의 점수는 실제보다 높고, 한 번만 쓴 시험 데이터의 점수는 그렇지 않다",
    ),
    "random_search": Technique(
        "무작위 탐색",
        (
            "하이퍼파라미터는 격자처럼 규칙적으로 탐색하기보다 무작위로 뽑아 시험하는 편이 중요한 값을 더 촘촘히 살필 "
            "수 있습니다.",
            "중요한 것은 자릿수이므로 로그 스케일에서 뽑습니다.",
            "나쁜 값은 일찍 드러나므로 한 번의 시험은 짧게 합니다.",
        ),
        "로그 스케일에서 무작위로 탐색하면 어떤 학습률이 잘 학습하는지 드러난다. 가중치 감소 계수는 여기서 큰 영향이 "
        "없다",
    ),
    "narrowing": Technique(
        "범위 좁혀 가기",
        (
            "처음에는 하이퍼파라미터의 범위를 대략적으로 넓게 잡고 탐색합니다.",
            "정확도가 좋았던 값들의 범위를 다음 탐색의 범위로 삼는 일을 되풀이합니다.",
            "몇 단계를 거쳐 범위가 충분히 좁아지면 그 안에서 값을 하나 고릅니다.",
        ),
        "좋았던 시험의 범위를 다음 범위로 삼으면, 범위가 좁아지면서 학습이 잘되는 값에 이른다",
    ),
    "bayesian_search": Technique(
        "베이즈 최적화",
        (
            "무작위 탐색은 앞선 시험에서 알게 된 것을 활용하지 않습니다.",
            "베이즈 최적화는 지금까지의 결과에 모델을 맞춰, 아직 시험하지 않은 설정의 예상 성능과 그 불확실성을 "
            "추정합니다.",
            "그리고 지금까지의 최고 기록을 넘어설 것으로 기대되는 폭이 가장 큰 설정을 다음에 시험합니다.",
        ),
        "시험 횟수가 같다면 베이즈 최적화가 무작위 탐색보다 더 좋은 하이퍼파라미터를 찾는다",
    ),
}

PHRASES: Mapping[str, str] = {
    "steps that cross the valley": "골짜기를 가로지른 걸음 수",
    "mean angle between −gradient and the minimum": "기울기 반대 방향과 최솟값 방향 사이의 평균 각도",
    "µs a step": "한 걸음에 걸린 시간(µs)",
    "all images after half as many": "걸음 수가 절반인 전체 이미지",
    "all images": "전체 이미지",
    "mini-batches of 32": "32장 미니배치",
    "one image at a time": "한 장씩",
    "loss after 100 steps": "100걸음 뒤의 손실",
    "mean of 5 runs": "5회 평균",
    "mean of 3 runs": "3회 평균",
    "share of steps that raise the loss": "손실을 높인 걸음의 비율",
    "path over distance": "경로 길이 ÷ 거리",
    "steps across the valley’s floor": "골짜기 바닥을 가로지른 걸음 수",
    "mean turn in degrees": "방향 전환의 평균(도)",
    "it gathers speed, step along the valley": "속도를 얻음, 골짜기 방향의 걸음",
    "longest": "가장 긴 걸음",
    "3 × first": "첫걸음의 3배",
    "it rolls past the minimum": "최솟값을 지나쳐 구름",
    "largest x": "x의 최댓값",
    "distance to the minimum": "최솟값까지의 거리",
    "SGD of its rate": "같은 학습률의 SGD",
    "Momentum": "모멘텀",
    "Nesterov": "네스테로프",
    "overshoot along the valley": "골짜기 방향으로 지나친 거리",
    "overshoot across the valley": "골짜기를 가로질러 지나친 거리",
    "overshoot across it": "가로질러 지나친 거리",
    "largest of 8 learning rates": "학습률 8개 가운데 최댓값",
    "learning rates with which it is less, both ways": "두 방향 모두 덜 지나친 학습률의 수",
    "length of the path over the distance": "경로 길이 ÷ 거리",
    "the same": "같은 값",
    "on a steady slope over the first": "걸음: 일정한 비탈, 첫걸음의 몇 배",
    "on a steady slope over the learning rate": "걸음: 일정한 비탈, 학습률의 몇 배",
    "on a slope that was steep, over the learning rate": "걸음: 가팔랐던 비탈, 학습률의 몇 배",
    "step 1,000": "1,000번째",
    "step 2,000": "2,000번째",
    "like Momentum it rolls past the minimum": "모멘텀처럼 최솟값을 지나침",
    "damped": "흔들림이 적음",
    "bias correction": "편향 보정",
    "first step over the learning rate times the weight": "첫걸음 ÷ (학습률 × 가중치)",
    "first step over the learning rate": "첫걸음 ÷ 학습률",
    "first step over that of SGD": "첫걸음 ÷ SGD의 첫걸음",
    "farthest apart": "최대 차이",
    "without velocity": "속도 없음",
    "that forgets nothing": "잊지 않음",
    "without l1": "l1 없음",
    "where f is 100 times as high, as it is": "f를 100배로 했을 때와 그대로일 때",
    "bias corrected": "편향 보정",
    "without weight decay": "가중치 감소 없음",
    "without": "없이",
    "shortest step over the learning rate": "가장 짧은 걸음 ÷ 학습률",
    "longest step over the learning rate": "가장 긴 걸음 ÷ 학습률",
    "away from 1": "1과의 차이",
    "highest end of a path": "경로 끝의 최고 높이",
    "start": "출발점",
    "loss above the least": "최소 손실을 넘는 양",
    "inverse time": "시간의 역수",
    "exponential": "지수",
    "constant": "고정",
    "warm-up, cosine": "웜업 뒤 코사인",
    "cosine": "코사인",
    "step": "계단식",
    "worst run with a decay": "학습률을 줄인 최악의 회차",
    "best run without": "줄이지 않은 최선의 회차",
    "long valley": "긴 골짜기",
    "turned valley": "비스듬한 골짜기",
    "saddle point": "안장점",
    "Beale’s function": "빌 함수",
    "rates with which SGD arrives": "SGD가 도착한 학습률의 수",
    "rates with which the others arrive: at least": "나머지 기법이 도착한 학습률의 최소 개수",
    "rates with which one without velocity arrives: at most": "속도 없는 기법이 도착한 학습률의 최대 개수",
    "with velocity": "속도를 쓰는 기법",
    "rates that throw it out": "곡면을 벗어난 학습률의 수",
    "steps to escape": "빠져나오는 데 걸린 걸음 수",
    "not": "기준",
    "final loss": "마지막 손실",
    "steps to a loss of 0.3": "손실 0.3까지의 걸음 수",
    "steps to a loss of 0.1": "손실 0.1까지의 걸음 수",
    "steps to 0.3": "0.3까지의 걸음 수",
    "steps to 0.1": "0.1까지의 걸음 수",
    "close together": "서로 비슷함",
    "over": "÷",
    "test accuracies": "시험 정확도",
    "spread": "차이",
    "largest difference between units": "뉴런 사이의 최대 차이",
    "all 0.1": "모두 0.1",
    "all 0": "모두 0",
    "test accuracy": "시험 정확도",
    "of always the most frequent class": "가장 흔한 클래스만 답할 때",
    "half of He’s": "He의 절반",
    "last loss": "마지막 손실",
    "std 0.01": "표준편차 0.01",
    "least of the seeds": "시드 가운데 최솟값",
    "largest of the seeds": "시드 가운데 최댓값",
    "best of the seeds": "시드 가운데 최댓값",
    "mean loss over all steps": "전체 평균 손실",
    "least": "최솟값",
    "scales of 16 with training accuracy above 0.8": "초깃값 16개 가운데 훈련 정확도가 0.8을 넘은 수",
    "with": "사용",
    "mean training accuracy over the epochs": "에폭 전체의 평균 훈련 정확도",
    "best scale": "가장 좋은 초깃값",
    "training above test accuracy at the best scale": "가장 좋은 초깃값에서 훈련 정확도와 시험 정확도의 차이",
    "largest relative error of": "상대 오차의 최댓값, 원소",
    "elements, of": "개 중",
    "training accuracy above test accuracy": "훈련 정확도와 시험 정확도의 차이",
    "training accuracy with weight decay": "가중치 감소를 쓴 훈련 정확도",
    "training accuracy": "훈련 정확도",
    "it is above test accuracy by": "시험 정확도와의 차이",
    "mean of 5 seeds": "시드 5개 평균",
    "with weight decay": "가중치 감소 사용",
    "with dropout": "드롭아웃 사용",
    "Bayesian less random": "베이즈 − 무작위",
    "best accuracy": "최고 정확도",
    "two standard errors": "표준 오차의 2배",
    "mean accuracy of all trials": "모든 시험의 평균 정확도",
    "Bayesian": "베이즈",
    "random": "무작위",
    "score on the data tuned on less that on new data": "고를 때 쓴 데이터의 점수 − 새 데이터의 점수",
    "after the first": "첫 시험 뒤",
    "after": "시험 뒤:",
    "trials": "회",
    "score on test data used once less that on new data, without its sign": (
        "한 번 쓴 시험 데이터의 점수 − 새 데이터의 점수(절댓값)"
    ),
    "share of the learning rate’s range that is left, in powers of ten": "남은 학습률 범위의 비율(10의 거듭제곱)",
    "mean accuracy of the trials of stage": "시험의 평균 정확도, 단계",
    "of stage 1": "단계 1",
    "best accuracy of stage": "최고 정확도, 단계",
    "smallest learning rate of the best 20": "상위 20개의 최소 학습률",
    "share of its range that their learning rate spans": "상위 학습률이 차지하는 범위의 비율",
    "share of its range that their weight decay spans": "상위 가중치 감소 계수가 차지하는 범위의 비율",
    "accuracy of the best": "최고 정확도",
    "of the median trial": "중앙값 시험의 정확도",
}
